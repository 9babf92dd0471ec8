package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// strict refuses unknown and repeated fields, as `kubectl apply --validate=strict` does.
var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

// builtin decodes with defaults and runs what the API server runs before it stores a new object.
func (c checker) builtin(document []byte, strategy rest.RESTCreateStrategy) []string {
	versioned, _, err := strict.UniversalDeserializer().Decode(document, nil, nil)
	if err != nil {
		return []string{err.Error()}
	}
	legacyscheme.Scheme.Default(versioned)
	var problems []string
	if c.restricted {
		problems = restrictedProblems(versioned)
	}
	internal, err := legacyscheme.Scheme.ConvertToVersion(versioned, runtime.InternalGroupVersioner)
	if err != nil {
		return append(problems, err.Error())
	}
	if err := c.beforeCreate(internal, strategy); err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}

func (c checker) beforeCreate(object runtime.Object, strategy rest.RESTCreateStrategy) error {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	ctx := request.WithNamespace(context.Background(), metav1.NamespaceNone)
	if strategy.NamespaceScoped() {
		if accessor.GetNamespace() == "" {
			accessor.SetNamespace(c.namespace)
		}
		ctx = request.WithNamespace(ctx, accessor.GetNamespace())
	}
	rest.FillObjectMetaSystemFields(accessor)
	return rest.BeforeCreate(strategy, ctx, object)
}

// restrictedProblems evaluates an object's pod, if it has one, by the newest restricted standard.
func restrictedProblems(object runtime.Object) []string {
	var podMeta metav1.ObjectMeta
	var spec corev1.PodSpec
	switch owner := object.(type) {
	case *corev1.Pod:
		podMeta, spec = owner.ObjectMeta, owner.Spec
	case *appsv1.Deployment:
		podMeta, spec = owner.Spec.Template.ObjectMeta, owner.Spec.Template.Spec
	case *batchv1.Job:
		podMeta, spec = owner.Spec.Template.ObjectMeta, owner.Spec.Template.Spec
	default:
		return nil
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	level := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &podMeta, &spec))
	if result.Allowed {
		return nil
	}
	return []string{fmt.Sprintf("restricted pod security: %s", result.ForbiddenDetail())}
}
