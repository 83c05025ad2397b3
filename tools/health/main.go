// health tells what GitOps tools would say of objects, by the very code that they use.
//
//	health argocd  health.lua OBJECT.yaml...           Argo CD: a health script, in its interpreter
//	health flux    kustomization.yaml OBJECT.yaml...   Flux: spec.healthCheckExprs, in its evaluator
//	health kstatus OBJECT.yaml...                      kstatus: what Flux does without expressions
//
// It prints one JSON object a line, in the order of the files: status and message, or error. It exits with 2 on bad usage.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Verdict is what a tool says of an object.
type Verdict struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

type judge func(*unstructured.Unstructured) (Verdict, error)

func main() {
	decide, files, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	printer := json.NewEncoder(os.Stdout)
	for _, file := range files {
		verdict, err := judgeFile(decide, file)
		if err != nil {
			verdict = Verdict{Error: err.Error()}
		}
		if err := printer.Encode(verdict); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func parse(arguments []string) (judge, []string, error) {
	if len(arguments) >= 1 && arguments[0] == "kstatus" {
		return kstatus, arguments[1:], nil
	}
	if len(arguments) < 2 {
		return nil, nil, errors.New("usage: health argocd SCRIPT FILE... | flux KUSTOMIZATION FILE... | kstatus FILE...")
	}
	text, err := os.ReadFile(arguments[1])
	if err != nil {
		return nil, nil, err
	}
	switch arguments[0] {
	case "argocd":
		return argocd(string(text)), arguments[2:], nil
	case "flux":
		decide, err := flux(text)
		return decide, arguments[2:], err
	}
	return nil, nil, fmt.Errorf("%s: say argocd, flux or kstatus", arguments[0])
}

func judgeFile(decide judge, file string) (Verdict, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Verdict{}, err
	}
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return Verdict{}, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(data); err != nil { // keeps integers, as a client of the API server does
		return Verdict{}, err
	}
	return decide(object)
}

func kstatus(object *unstructured.Unstructured) (Verdict, error) {
	result, err := status.Compute(object)
	if err != nil {
		return Verdict{}, err
	}
	return Verdict{Status: result.Status.String(), Message: result.Message}, nil
}
