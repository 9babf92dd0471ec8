package main

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/mutatingwebhookconfiguration"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/validatingadmissionpolicy"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/validatingadmissionpolicybinding"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/validatingwebhookconfiguration"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
)

// strategies are the API server's own rules for a new object of each kind. Policies without a paramKind, as ours are,
// ask no authorizer.
var strategies = map[schema.GroupVersionKind]rest.RESTCreateStrategy{
	kind("", "v1", "ConfigMap"):                                   configmap.Strategy,
	kind("", "v1", "Namespace"):                                   namespace.Strategy,
	kind("", "v1", "Pod"):                                         pod.Strategy,
	kind("", "v1", "Secret"):                                      secret.Strategy,
	kind("", "v1", "Service"):                                     service.Strategy,
	kind("", "v1", "ServiceAccount"):                              serviceaccount.Strategy,
	kind("apps", "v1", "Deployment"):                              deployment.Strategy,
	kind("autoscaling", "v2", "HorizontalPodAutoscaler"):          horizontalpodautoscaler.Strategy,
	kind("batch", "v1", "Job"):                                    job.Strategy,
	kind("coordination.k8s.io", "v1", "Lease"):                    lease.Strategy,
	kind("networking.k8s.io", "v1", "NetworkPolicy"):              networkpolicy.Strategy,
	kind("policy", "v1", "PodDisruptionBudget"):                   poddisruptionbudget.Strategy,
	kind("rbac.authorization.k8s.io", "v1", "ClusterRole"):        clusterrole.Strategy,
	kind("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"): clusterrolebinding.Strategy,
	kind("rbac.authorization.k8s.io", "v1", "Role"):               role.Strategy,
	kind("rbac.authorization.k8s.io", "v1", "RoleBinding"):        rolebinding.Strategy,

	admission("MutatingWebhookConfiguration"):     mutatingwebhookconfiguration.Strategy,
	admission("ValidatingAdmissionPolicy"):        validatingadmissionpolicy.NewStrategy(nil, nil),
	admission("ValidatingAdmissionPolicyBinding"): validatingadmissionpolicybinding.NewStrategy(nil, nil, nil),
	admission("ValidatingWebhookConfiguration"):   validatingwebhookconfiguration.Strategy,
}

func admission(name string) schema.GroupVersionKind {
	return kind("admissionregistration.k8s.io", "v1", name)
}

func kind(group, version, name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: name}
}
