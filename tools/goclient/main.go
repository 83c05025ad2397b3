// goclient is a small grpc-go client of the Open Inference Protocol, for tests that want a peer which is not grpcio.
//
//	goclient -addr 127.0.0.1:8001 infer  -model m -input INPUT0:INT32:1x2:0100000002000000
//	goclient -addr 127.0.0.1:8001 stream -model m -input ... -count 3 -interval 50ms
//	goclient -addr 127.0.0.1:8001 health -service inference.GRPCInferenceService
//
// It prints one JSON object a line: an event "response" for each message and, last, one event "end" with code, message,
// error details, headers, trailers and time. It exits with 0 when the call ended with OK, 1 when not, 2 on bad usage.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // registers the compressor that -gzip names
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const service = "/inference.GRPCInferenceService/"

// rawCodec passes bytes as they are, under the content subtype that every gRPC server expects.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("not bytes: %T", v)
	}
	return b, nil
}

func (rawCodec) Unmarshal(data []byte, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("not a pointer to bytes: %T", v)
	}
	*b = append([]byte{}, data...)
	return nil
}

type options struct {
	addr, service, caFile    string
	useTLS, gzip             bool
	deadline, interval       time.Duration
	count, stopAfter, repeat int
	metadata                 []string
	request                  Request
}

type listFlag struct{ add func(string) error }

func (listFlag) String() string           { return "" }
func (l listFlag) Set(value string) error { return l.add(value) }

func main() {
	verb, o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	connection, err := dial(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer connection.Close()
	code := 0
	for range o.repeat {
		code = max(code, call(verb, o, connection))
	}
	os.Exit(code)
}

func parse(arguments []string) (string, options, error) {
	o := options{}
	set := flag.NewFlagSet("goclient", flag.ContinueOnError)
	set.StringVar(&o.addr, "addr", "127.0.0.1:8001", "target, in grpc-go's syntax")
	set.StringVar(&o.service, "service", "", "health: the service that is asked about")
	set.StringVar(&o.caFile, "cacert", "", "use TLS and trust this file's certificates")
	set.BoolVar(&o.useTLS, "tls", false, "use TLS")
	set.BoolVar(&o.gzip, "gzip", false, "compress requests")
	set.DurationVar(&o.deadline, "deadline", 10*time.Second, "deadline of the call; 0 for none")
	set.DurationVar(&o.interval, "interval", 0, "stream: pause between requests")
	set.IntVar(&o.count, "count", 1, "stream: number of requests")
	set.IntVar(&o.stopAfter, "stop-after", 0, "stream: cancel after this many responses")
	set.IntVar(&o.repeat, "repeat", 1, "make the call this many times on one connection")
	set.StringVar(&o.request.model, "model", "", "model name")
	set.StringVar(&o.request.version, "version", "", "model version")
	set.StringVar(&o.request.id, "id", "", "request id")
	set.Var(listFlag{func(text string) error {
		in, err := parseInput(text)
		o.request.inputs = append(o.request.inputs, in)
		return err
	}}, "input", "NAME:DATATYPE:SHAPE:HEX, repeatable")
	set.Var(listFlag{func(text string) error {
		p, err := parseParameter(text)
		o.request.parameters = append(o.request.parameters, p)
		return err
	}}, "param", "NAME=KIND:VALUE, KIND one of b i s d u, repeatable")
	set.Var(listFlag{func(text string) error {
		o.request.outputs = append(o.request.outputs, text)
		return nil
	}}, "output", "name of a wanted output, repeatable")
	set.Var(listFlag{func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("metadata %q is not NAME=VALUE", text)
		}
		o.metadata = append(o.metadata, name, value)
		return nil
	}}, "H", "metadata NAME=VALUE, repeatable")
	verb := ""
	// The verb may stand before, between or after the flags.
	for len(arguments) > 0 {
		if err := set.Parse(arguments); err != nil {
			return "", o, err
		}
		if arguments = set.Args(); len(arguments) > 0 {
			if verb != "" {
				return "", o, fmt.Errorf("unexpected argument %q", arguments[0])
			}
			verb, arguments = arguments[0], arguments[1:]
		}
	}
	switch verb {
	case "infer", "stream", "health":
		return verb, o, nil
	}
	return "", o, errors.New("usage: goclient [flags] infer|stream|health")
}

func dial(o options) (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if o.useTLS || o.caFile != "" {
		config := &tls.Config{}
		if o.caFile != "" {
			pem, err := os.ReadFile(o.caFile)
			if err != nil {
				return nil, err
			}
			config.RootCAs = x509.NewCertPool()
			config.RootCAs.AppendCertsFromPEM(pem)
		}
		security = credentials.NewTLS(config)
	}
	return grpc.NewClient(o.addr, grpc.WithTransportCredentials(security), grpc.WithUserAgent("fourplane-goclient"))
}

// call makes one call, prints what came, and answers with the exit code.
func call(verb string, o options, connection *grpc.ClientConn) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if o.deadline > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, o.deadline)
		defer stop()
	}
	ctx = metadata.AppendToOutgoingContext(ctx, o.metadata...)
	headers, trailers := metadata.MD{}, metadata.MD{}
	with := []grpc.CallOption{grpc.Header(&headers), grpc.Trailer(&trailers)}
	if o.gzip {
		with = append(with, grpc.UseCompressor("gzip"))
	}
	raw := append(with, grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(1<<30))
	started := time.Now()
	var err error
	switch verb {
	case "health":
		var reply *grpc_health_v1.HealthCheckResponse
		request := &grpc_health_v1.HealthCheckRequest{Service: o.service}
		if reply, err = grpc_health_v1.NewHealthClient(connection).Check(ctx, request, with...); err == nil {
			emit(map[string]any{"event": "response", "status": reply.GetStatus().String()})
		}
	case "infer":
		var reply []byte
		if err = connection.Invoke(ctx, service+"ModelInfer", o.request.encode(), &reply, raw...); err == nil {
			err = emitResponse(reply, started)
		}
	case "stream":
		err = stream(ctx, cancel, o, connection, raw, started)
	}
	end := status.Convert(err)
	emit(map[string]any{
		"event": "end", "code": end.Code().String(), "message": end.Message(), "details": details(end),
		"headers": headers, "trailers": trailers, "elapsed_ms": elapsed(started),
	})
	if err != nil {
		return 1
	}
	return 0
}

func stream(
	ctx context.Context, cancel context.CancelFunc, o options,
	connection *grpc.ClientConn, with []grpc.CallOption, started time.Time,
) error {
	description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	s, err := connection.NewStream(ctx, description, service+"ModelStreamInfer", with...)
	if err != nil {
		return err
	}
	go func() {
		for number := range o.count {
			request := o.request
			if o.count > 1 && request.id != "" {
				request.id = fmt.Sprintf("%s-%d", o.request.id, number)
			}
			if s.SendMsg(request.encode()) != nil {
				return // the receiver learns the reason
			}
			time.Sleep(o.interval)
		}
		_ = s.CloseSend()
	}()
	for received := 0; ; {
		var reply []byte
		if err := s.RecvMsg(&reply); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		message, response, err := decodeStreamResponse(reply)
		if err != nil {
			return err
		}
		emit(map[string]any{
			"event": "response", "error_message": message, "response": response, "elapsed_ms": elapsed(started),
		})
		if received++; received == o.stopAfter {
			cancel()
		}
	}
}

func emitResponse(reply []byte, started time.Time) error {
	response, err := decodeResponse(reply)
	if err == nil {
		emit(map[string]any{"event": "response", "response": response, "elapsed_ms": elapsed(started)})
	}
	return err
}

// details turns google.rpc messages into plain JSON; of an unknown one, its type and nothing else.
func details(s *status.Status) []map[string]any {
	found := []map[string]any{}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			found = append(found, map[string]any{
				"type": "google.rpc.ErrorInfo", "reason": d.GetReason(), "domain": d.GetDomain(), "metadata": d.GetMetadata(),
			})
		case *errdetails.RetryInfo:
			found = append(found, map[string]any{
				"type": "google.rpc.RetryInfo", "retry_delay_ms": d.GetRetryDelay().AsDuration().Milliseconds(),
			})
		default:
			found = append(found, map[string]any{"type": fmt.Sprintf("%T", d)})
		}
	}
	return found
}

func elapsed(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

func emit(event map[string]any) {
	_ = json.NewEncoder(os.Stdout).Encode(event)
}
