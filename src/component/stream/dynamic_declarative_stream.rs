//! `DynamicDeclarativeStream`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::component::resolver::ComponentsResolver;
use crate::manifest::Raw;

/// Streams made of a template: one for each entry of a list, of the config's lists, or for each
/// record of an API.
///
/// Each stream gets a name of its own by the resolver's mapping of `name`; a second stream of the
/// same name is an error.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DynamicDeclarativeStream {
    /// Name of all of these streams together, as a check may name them. Unset:
    /// `dynamic_stream_N`, counted from 0.
    #[serde(default)]
    pub name: Option<String>,
    /// The stream that each entry is made of.
    pub stream_template: Raw,
    /// Where the entries come from, and what of them is put where.
    pub components_resolver: ComponentsResolver,
    /// Whether, of equal `$parameters`, those of the stream win over those of the components in it.
    /// Default: true.
    #[serde(default)]
    pub use_parent_parameters: Option<bool>,
}
