//! What every verb that reads starts from: flags and files, the manifest, its spec.

use serde_json::{Map, Value};

use super::error::Failure;
use super::flags;
use super::network;
use super::settings::Settings;
use super::spec;
use crate::http::Archive;
use crate::manifest::Manifest;
use crate::message::Spec;

/// A manifest with its spec, and the config that it is to be read with.
pub(super) struct Source {
    pub(super) settings: Settings,
    /// The config as it was given, before the manifest changed it.
    pub(super) given: Map<String, Value>,
    pub(super) manifest: Manifest,
    /// `None`: there is no spec, and any config will do.
    pub(super) spec: Option<Spec>,
}

impl Source {
    /// Reads what the flags name. `archive` is the one to be replayed.
    pub(super) fn open(flags: &flags::Source, archive: Option<&Archive>) -> Result<Self, Failure> {
        let recorded = archive.map(network::recorded).transpose()?;
        let settings = Settings::gather(flags, recorded)?;
        let manifest = settings.manifest.load()?;
        let spec = spec::of(&manifest, &settings.manifest)?;
        Ok(Self {
            given: settings.config.clone(),
            settings,
            manifest,
            spec,
        })
    }

    /// The schema of the config, where there is one.
    pub(super) fn connection_specification(&self) -> Option<&Value> {
        let spec = self.spec.as_ref()?;
        Some(&spec.connection_specification)
    }

    /// Holds the config against the spec.
    pub(super) fn validate(&self) -> Result<(), Failure> {
        match &self.spec {
            Some(spec) => self.settings.validate(&spec.connection_specification),
            None => Ok(()),
        }
    }
}
