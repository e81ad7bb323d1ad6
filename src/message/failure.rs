//! Whose fault a failure is.

use serde::{Deserialize, Serialize};

/// Whose fault a failure is, in the protocol's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureType {
    /// The user's: a setting, a credential or a permission is wrong.
    ConfigError,
    /// Ours or the manifest's.
    #[default]
    SystemError,
    /// The world's: the same read may work later.
    TransientError,
}

impl FailureType {
    /// The protocol's word, such as `config_error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigError => "config_error",
            Self::SystemError => "system_error",
            Self::TransientError => "transient_error",
        }
    }
}
