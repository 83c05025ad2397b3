// The Open Inference Protocol's messages, written and read field by field: no generated code, so that this client
// shares nothing with the server that it checks.
package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Tensor is one input or output: its description and, for outputs, nothing of its content.
type Tensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// Request is what the flags say.
type Request struct {
	model, version, id string
	parameters         []parameter
	inputs             []input
	outputs            []string
}

type input struct {
	Tensor
	raw []byte
}

type parameter struct {
	name  string
	value []byte // an encoded InferParameter
}

// Response is one ModelInferResponse, in the form that is printed.
type Response struct {
	Model      string         `json:"model_name"`
	Version    string         `json:"model_version"`
	ID         string         `json:"id"`
	Parameters map[string]any `json:"parameters"`
	Outputs    []Tensor       `json:"outputs"`
	Raw        [][]byte       `json:"raw_output_contents"` // base64 in JSON
}

// parseInput reads NAME:DATATYPE:SHAPE:HEX, for example INPUT0:INT32:1x2:0100000002000000.
func parseInput(text string) (input, error) {
	parts := strings.SplitN(text, ":", 4)
	if len(parts) != 4 {
		return input{}, fmt.Errorf("input %q is not NAME:DATATYPE:SHAPE:HEX", text)
	}
	shape := []int64{}
	for _, part := range strings.Split(parts[2], "x") {
		size, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return input{}, fmt.Errorf("shape of input %q: %w", parts[0], err)
		}
		shape = append(shape, size)
	}
	raw, err := hex.DecodeString(parts[3])
	if err != nil {
		return input{}, fmt.Errorf("content of input %q: %w", parts[0], err)
	}
	return input{Tensor{parts[0], parts[1], shape}, raw}, nil
}

// parseParameter reads NAME=KIND:VALUE with KIND one of b, i, s, d, u.
func parseParameter(text string) (parameter, error) {
	name, rest, found := strings.Cut(text, "=")
	kind, value, typed := strings.Cut(rest, ":")
	if !found || !typed {
		return parameter{}, fmt.Errorf("parameter %q is not NAME=KIND:VALUE (KIND: b, i, s, d, u)", text)
	}
	var encoded []byte
	var err error
	switch kind {
	case "b":
		var flag bool
		if flag, err = strconv.ParseBool(value); err == nil {
			encoded = appendVarint(nil, 1, protowire.EncodeBool(flag))
		}
	case "i":
		var number int64
		if number, err = strconv.ParseInt(value, 10, 64); err == nil {
			encoded = appendVarint(nil, 2, uint64(number))
		}
	case "s":
		encoded = appendString(nil, 3, value)
	case "d":
		var number float64
		if number, err = strconv.ParseFloat(value, 64); err == nil {
			encoded = protowire.AppendFixed64(protowire.AppendTag(nil, 4, protowire.Fixed64Type), math.Float64bits(number))
		}
	case "u":
		var number uint64
		if number, err = strconv.ParseUint(value, 10, 64); err == nil {
			encoded = appendVarint(nil, 5, number)
		}
	default:
		err = fmt.Errorf("unknown kind %q", kind)
	}
	return parameter{name, encoded}, err
}

// encode writes one ModelInferRequest.
func (r Request) encode() []byte {
	b := appendString(nil, 1, r.model)
	if r.version != "" {
		b = appendString(b, 2, r.version)
	}
	if r.id != "" {
		b = appendString(b, 3, r.id)
	}
	for _, p := range r.parameters {
		b = appendBytes(b, 4, appendBytes(appendString(nil, 1, p.name), 2, p.value))
	}
	for _, in := range r.inputs {
		tensor := appendString(appendString(nil, 1, in.Name), 2, in.Datatype)
		packed := []byte{}
		for _, size := range in.Shape {
			packed = protowire.AppendVarint(packed, uint64(size))
		}
		b = appendBytes(b, 5, appendBytes(tensor, 3, packed))
	}
	for _, name := range r.outputs {
		b = appendBytes(b, 6, appendString(nil, 1, name))
	}
	for _, in := range r.inputs {
		b = appendBytes(b, 7, in.raw)
	}
	return b
}

// decodeStreamResponse reads one ModelStreamInferResponse: an error message, a response, or both.
func decodeStreamResponse(b []byte) (string, *Response, error) {
	message, response := "", (*Response)(nil)
	err := fields(b, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case 1:
			message = string(value)
		case 2:
			decoded, err := decodeResponse(value)
			response = decoded
			return err
		}
		return nil
	})
	return message, response, err
}

// decodeResponse reads one ModelInferResponse.
func decodeResponse(b []byte) (*Response, error) {
	r := &Response{Parameters: map[string]any{}, Outputs: []Tensor{}, Raw: [][]byte{}}
	err := fields(b, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case 1:
			r.Model = string(value)
		case 2:
			r.Version = string(value)
		case 3:
			r.ID = string(value)
		case 4:
			return decodeParameter(value, r.Parameters)
		case 5:
			tensor, err := decodeTensor(value)
			r.Outputs = append(r.Outputs, tensor)
			return err
		case 6:
			r.Raw = append(r.Raw, value)
		}
		return nil
	})
	return r, err
}

func decodeTensor(b []byte) (Tensor, error) {
	t := Tensor{Shape: []int64{}}
	err := fields(b, func(number protowire.Number, value []byte, scalar uint64) error {
		switch number {
		case 1:
			t.Name = string(value)
		case 2:
			t.Datatype = string(value)
		case 3:
			if value == nil { // one unpacked element
				t.Shape = append(t.Shape, int64(scalar))
				return nil
			}
			for len(value) > 0 {
				size, n := protowire.ConsumeVarint(value)
				if n < 0 {
					return protowire.ParseError(n)
				}
				t.Shape, value = append(t.Shape, int64(size)), value[n:]
			}
		}
		return nil
	})
	return t, err
}

func decodeParameter(b []byte, into map[string]any) error {
	name, parsed := "", any(nil)
	err := fields(b, func(number protowire.Number, value []byte, _ uint64) error {
		if number == 1 {
			name = string(value)
			return nil
		}
		return fields(value, func(number protowire.Number, value []byte, scalar uint64) error {
			switch number {
			case 1:
				parsed = scalar != 0
			case 2:
				parsed = int64(scalar)
			case 3:
				parsed = string(value)
			case 4:
				parsed = math.Float64frombits(scalar)
			case 5:
				parsed = scalar
			}
			return nil
		})
	})
	into[name] = parsed
	return err
}

// fields calls visit for each field: value for length-delimited ones (never nil), scalar for the others.
func fields(b []byte, visit func(number protowire.Number, value []byte, scalar uint64) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		field := b[n : n+size]
		b = b[n+size:]
		var value []byte
		var scalar uint64
		switch kind {
		case protowire.BytesType:
			content, _ := protowire.ConsumeBytes(field)
			value = append([]byte{}, content...)
		case protowire.VarintType:
			scalar, _ = protowire.ConsumeVarint(field)
		case protowire.Fixed64Type:
			scalar = binary.LittleEndian.Uint64(field)
		}
		if err := visit(number, value, scalar); err != nil {
			return err
		}
	}
	return nil
}

func appendString(b []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func appendBytes(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func appendVarint(b []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
}
