//! What a document's reader tells the walker: which keys it wants under which parent, and where
//! their values go. Plain tables; no bytes are looked at here.

/// The containers on wanted paths, and what lies in them.
pub(in crate::trino) trait Model {
    /// Names one kind of container on a wanted path.
    type Node: Copy + 'static;
    /// Names one wanted value.
    type Field: Copy + 'static;

    /// The document itself.
    const ROOT: Self::Node;

    /// What lies in a container of this kind.
    fn shape(node: Self::Node) -> Shape<Self::Node, Self::Field>;
    /// A container of this kind was entered.
    fn open(&mut self, node: Self::Node);
    /// A container of this kind closed. The path of a key that had to be there, if it was not.
    fn close(&mut self, node: Self::Node) -> Result<(), &'static str>;
    /// A wanted text, decoded.
    fn text(&mut self, field: Self::Field, text: &str);
    /// A wanted counter.
    fn count(&mut self, field: Self::Field, count: u64);
    /// A wanted boolean.
    fn flag(&mut self, field: Self::Field, flag: bool);
}

/// What lies in a wanted container.
pub(in crate::trino) enum Shape<N: 'static, F: 'static> {
    /// An object: keys that are wanted; at most 16.
    Object(&'static [Key<N, F>]),
    /// An array: what each element is.
    Array(&'static Element<N>),
}

/// One wanted key.
pub(in crate::trino) struct Key<N, F> {
    pub name: &'static str,
    /// The key's path, for errors.
    pub path: &'static str,
    pub want: Want<N, F>,
}

/// The type that a wanted value has. `null` is allowed everywhere and means absent.
#[derive(Clone, Copy)]
pub(in crate::trino) enum Want<N, F> {
    Text(F),
    Count(F),
    Flag(F),
    Object(N),
    Array(N),
}

/// The elements of a wanted array: objects, or null.
pub(in crate::trino) struct Element<N> {
    pub node: N,
    /// The elements' path, for errors.
    pub path: &'static str,
    /// Whether texts may stand among the objects; they are jumped over.
    pub texts: bool,
}

impl<N, F> Want<N, F> {
    /// The type in words, for errors.
    pub(in crate::trino) const fn expected(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string or null",
            Self::Count(_) => "a number or null",
            Self::Flag(_) => "true, false or null",
            Self::Object(_) => "an object or null",
            Self::Array(_) => "an array or null",
        }
    }
}

impl<N> Element<N> {
    /// The type in words, for errors.
    pub(in crate::trino) const fn expected(&self) -> &'static str {
        if self.texts {
            "an object, a string or null"
        } else {
            "an object or null"
        }
    }
}
