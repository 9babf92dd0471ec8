//! The fields of an AdmissionReview that we look at; everything else is skipped where it stands.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::guard::facts::Name;

/// `AdmissionReview`.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    #[serde(rename = "apiVersion", borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    /// What is asked.
    #[serde(borrow)]
    pub request: Option<Wire<'a>>,
}

/// `request`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire<'a> {
    /// To be echoed.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// The parent's resource.
    #[serde(borrow)]
    pub resource: Resource<'a>,
    /// `eviction`, `scale`.
    #[serde(borrow)]
    pub sub_resource: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    /// `CREATE`, `UPDATE`, `DELETE`.
    #[serde(borrow)]
    pub operation: Cow<'a, str>,
    /// Who asks.
    #[serde(borrow, default)]
    pub user_info: User<'a>,
    #[serde(borrow)]
    object: Option<Object<'a>>,
    #[serde(borrow)]
    old_object: Option<Object<'a>>,
    dry_run: Option<bool>,
    /// Options of the operation.
    #[serde(borrow)]
    pub options: Option<Options<'a>>,
}

/// `resource`.
#[derive(Debug, Deserialize)]
pub struct Resource<'a> {
    /// Plural, lower case.
    #[serde(borrow)]
    pub resource: Cow<'a, str>,
}

/// `userInfo`.
#[derive(Debug, Default, Deserialize)]
pub struct User<'a> {
    /// Who.
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
    /// And what else.
    #[serde(borrow, default)]
    pub groups: Vec<Cow<'a, str>>,
}

/// A pod, an Eviction, a Scale or a workload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<'a> {
    /// Its metadata.
    #[serde(borrow, default)]
    pub metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Option<Spec<'a>>,
    #[serde(borrow)]
    delete_options: Option<Options<'a>>,
}

/// `metadata`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    /// The object's identity.
    #[serde(borrow, default)]
    pub uid: Cow<'a, str>,
    /// Present while it is being deleted.
    #[serde(borrow)]
    pub deletion_timestamp: Option<Cow<'a, str>>,
}

/// `spec`.
#[derive(Debug, Deserialize)]
struct Spec<'a> {
    replicas: Option<u32>,
    #[serde(borrow)]
    template: Option<&'a RawValue>,
    #[serde(borrow)]
    strategy: Option<Strategy<'a>>,
}

/// A Deployment's `spec.strategy`.
#[derive(Debug, Deserialize)]
struct Strategy<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
}

/// `DeleteOptions`, `CreateOptions`, `UpdateOptions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Options<'a> {
    #[serde(borrow)]
    dry_run: Option<Vec<Cow<'a, str>>>,
    /// `gracePeriodSeconds`.
    #[serde(rename = "gracePeriodSeconds")]
    pub grace: Option<u64>,
    #[serde(borrow)]
    propagation_policy: Option<Cow<'a, str>>,
    orphan_dependents: Option<bool>,
    #[serde(borrow)]
    preconditions: Option<Preconditions<'a>>,
}

#[derive(Debug, Deserialize)]
struct Preconditions<'a> {
    #[serde(borrow)]
    uid: Option<Cow<'a, str>>,
}

impl Envelope<'_> {
    /// Whether this is a review of the version that we speak.
    pub fn check(&self) -> Result<(), String> {
        if self.kind != "AdmissionReview" {
            return Err(format!(
                "kind is {:?}, it must be \"AdmissionReview\"",
                self.kind
            ));
        }
        if self.api_version != "admission.k8s.io/v1" {
            return Err(format!(
                "apiVersion is {:?}, it must be \"admission.k8s.io/v1\"",
                self.api_version
            ));
        }
        Ok(())
    }
}

impl<'a> Wire<'a> {
    /// Whether nothing must change. Evictions may say so in their body alone.
    pub fn is_dry_run(&self) -> bool {
        let in_body = self
            .object
            .as_ref()
            .and_then(|object| object.delete_options.as_ref());
        let options = [self.options.as_ref(), in_body];
        self.dry_run == Some(true) || options.into_iter().flatten().any(Options::is_dry_run)
    }

    /// Whether dependents stay.
    pub fn is_orphaning(&self) -> bool {
        self.options.as_ref().is_some_and(|options| {
            let by_policy = options.propagation_policy.as_deref() == Some("Orphan");
            by_policy || options.orphan_dependents == Some(true)
        })
    }

    /// The UID that an eviction insists on.
    pub fn precondition(&self) -> Option<String> {
        let options = self.object.as_ref()?.delete_options.as_ref()?;
        let uid = options.preconditions.as_ref()?.uid.as_ref()?;
        Some(uid.to_string())
    }

    /// The object before.
    pub fn before(&self) -> Result<&Object<'a>, String> {
        let missing = || format!("a {} of this kind must have an oldObject", self.operation);
        self.old_object.as_ref().ok_or_else(missing)
    }

    /// The object after.
    pub fn after(&self) -> Result<&Object<'a>, String> {
        let missing = || format!("a {} of this kind must have an object", self.operation);
        self.object.as_ref().ok_or_else(missing)
    }

    /// The object's name: of the request, else (a collection's) of the object itself.
    pub fn any_name(&self) -> Result<String, String> {
        let name = self.first(&self.name, |metadata| &metadata.name);
        name.ok_or_else(|| "neither the request nor its object has a name".to_owned())
    }

    /// The object's namespace and name.
    pub fn full_name(&self) -> Result<Name, String> {
        let name = self.any_name()?;
        let namespace = self.first(&self.namespace, |metadata| &metadata.namespace);
        let namespace = namespace.ok_or("neither the request nor its object has a namespace")?;
        Ok(Name { namespace, name })
    }

    fn first(&self, own: &str, of: impl for<'b> Fn(&'b Metadata<'a>) -> &'b str) -> Option<String> {
        let objects = [self.old_object.as_ref(), self.object.as_ref()];
        let theirs = objects
            .into_iter()
            .flatten()
            .map(|object| of(&object.metadata));
        let mut all = std::iter::once(own).chain(theirs);
        all.find(|name| !name.is_empty()).map(str::to_owned)
    }
}

impl Options<'_> {
    fn is_dry_run(&self) -> bool {
        self.dry_run
            .as_ref()
            .is_some_and(|stages| !stages.is_empty())
    }
}

impl Object<'_> {
    /// `spec.replicas`.
    pub fn replicas(&self) -> Option<u32> {
        self.spec.as_ref()?.replicas
    }

    /// `spec.strategy.type`.
    pub fn strategy(&self) -> Option<&str> {
        self.spec.as_ref()?.strategy.as_ref()?.r#type.as_deref()
    }

    /// `spec.template`, as it stands.
    pub fn template(&self) -> Option<&RawValue> {
        self.spec.as_ref()?.template
    }
}
