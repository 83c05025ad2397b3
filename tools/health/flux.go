package main

import (
	"context"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func flux(text []byte) (judge, error) {
	var given kustomizev1.Kustomization
	if err := yaml.UnmarshalStrict(text, &given); err != nil {
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
