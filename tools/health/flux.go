package main

import (
	"context"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The part of a Kustomization that says how its objects are judged.
type kustomization struct {
	Spec struct {
		HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
	} `json:"spec"`
}

func flux(text []byte) (judge, error) {
	var given kustomization
	if err := yaml.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	newReader, err := cel.NewStatusReader(given.Spec.HealthCheckExprs)
	if err != nil {
		return nil, err
	}
	reader := newReader(nil) // no mapper: an object is read that is at hand
	return func(object *unstructured.Unstructured) (Verdict, error) {
		found, err := reader.ReadStatusForObject(context.Background(), nil, object)
		if err != nil {
			return Verdict{}, err
		}
		verdict := Verdict{Status: found.Status.String(), Message: found.Message}
		if found.Error != nil {
			verdict.Error = found.Error.Error()
		}
		return verdict, nil
	}, nil
}
