//! What every verb that reads starts from: flags and files, the manifest, its spec.

use super::error::{Failure, say};
use super::flags;
use super::settings::{Recorded, Settings};
use super::spec;
use crate::manifest::Manifest;
use crate::message::Spec;

/// A manifest with its spec, and the config that it is to be read with.
pub(super) struct Source {
    pub(super) settings: Settings,
    pub(super) manifest: Manifest,
    /// `None`: there is no spec, and any config will do.
    pub(super) spec: Option<Spec>,
}

impl Source {
    /// Reads what the flags name. `recorded` is there when an archive is replayed.
    pub(super) fn open(flags: &flags::Source, recorded: Option<Recorded>) -> Result<Self, Failure> {
        let settings = Settings::gather(flags, recorded)?;
        let manifest = settings.manifest.load()?;
        let spec = spec::of(&manifest, &settings.manifest)?;
        Ok(Self {
            settings,
            manifest,
            spec,
        })
    }

    /// Holds the config against the spec.
    pub(super) fn validate(&self) -> Result<(), Failure> {
        let Some(spec) = &self.spec else {
            return Ok(());
        };
        if let Some(warning) = self.settings.validate(&spec.connection_specification)? {
            say(&format!("warning: {warning}"));
        }
        Ok(())
    }
}
