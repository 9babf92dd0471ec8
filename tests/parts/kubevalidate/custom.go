package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// customResources are the published definitions, by the kind that they define.
type customResources map[kschema.GroupVersionKind]customSchema

// customSchema checks one version of one custom resource.
type customSchema struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator
}

// loadCustomResources reads the folder `crds` beside the program.
func loadCustomResources() (customResources, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(program), "crds", "*.yaml"))
	if err != nil {
		return nil, err
	}
	found := customResources{}
	for _, path := range paths {
		if err := found.add(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return found, nil
}

func (r customResources) add(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		compiled, err := compile(version.Schema.OpenAPIV3Schema)
		if err != nil {
			return err
		}
		r[kind(definition.Spec.Group, version.Name, definition.Spec.Names.Kind)] = compiled
	}
	return nil
}

func compile(published *apiextensionsv1.JSONSchemaProps) (customSchema, error) {
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(published, internal, nil); err != nil {
		return customSchema{}, err
	}
	structural, err := schema.NewStructural(internal)
	if err != nil {
		return customSchema{}, err
	}
	validator, _, err := validation.NewSchemaValidator(internal)
	if err != nil {
		return customSchema{}, err
	}
	return customSchema{structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

// check reports fields that the definition does not know, and values that it does not allow.
func (s customSchema) check(object *unstructured.Unstructured) []string {
	var problems []string
	for _, problem := range validation.ValidateCustomResource(nil, object.Object, s.validator) {
		problems = append(problems, problem.Error())
	}
	rules, _ := s.rules.Validate(context.Background(), nil, s.structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
	for _, problem := range rules {
		problems = append(problems, problem.Error())
	}
	copied := object.DeepCopy().Object
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(copied, s.structural, true, options) {
		problems = append(problems, fmt.Sprintf("unknown field %q", path))
	}
	return problems
}
