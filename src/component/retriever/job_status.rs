//! What a job has come to, and in which words the API says so.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::component::ComponentError;

/// What a job has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It is not done yet.
    Running,
    /// The results can be downloaded.
    Completed,
    /// It failed.
    Failed,
    /// It took too long.
    TimedOut,
    /// There is nothing to be downloaded.
    Skipped,
}

/// Which statuses of the API mean what.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct AsyncJobStatusMap {
    /// The job is not done yet.
    running: Vec<String>,
    /// The results can be downloaded.
    completed: Vec<String>,
    /// The job failed; it is created anew.
    failed: Vec<String>,
    /// The job took too long; it is created anew.
    timeout: Vec<String>,
    /// There is nothing to be downloaded.
    #[serde(default)]
    skipped: Option<Vec<String>>,
}

impl AsyncJobStatusMap {
    fn groups(&self) -> [(&[String], JobStatus); 5] {
        [
            (&self.running, JobStatus::Running),
            (&self.completed, JobStatus::Completed),
            (&self.failed, JobStatus::Failed),
            (&self.timeout, JobStatus::TimedOut),
            (
                self.skipped.as_deref().unwrap_or_default(),
                JobStatus::Skipped,
            ),
        ]
    }

    /// Checks that each status of the API means one thing.
    ///
    /// # Errors
    /// When one means two.
    pub(super) fn check(&self) -> Result<(), ComponentError> {
        let mut seen = HashSet::new();
        let all = self.groups().into_iter().flat_map(|(texts, _)| texts);
        match all.into_iter().find(|text| !seen.insert(text.as_str())) {
            Some(twice) => Err(ComponentError::config(format!(
                "`status_mapping` has the status `{twice}` twice"
            ))),
            None => Ok(()),
        }
    }

    /// What a status of the API means; none for one that is not in the map.
    pub(super) fn get(&self, status: &str) -> Option<JobStatus> {
        let has = |texts: &[String]| texts.iter().any(|text| text == status);
        self.groups()
            .into_iter()
            .find(|(texts, _)| has(texts))
            .map(|(_, status)| status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn each_status_means_one_thing() {
        let map = |failed: &str| -> AsyncJobStatusMap {
            from_yaml(&format!(
                "{{running: [run], completed: [done], failed: [{failed}], timeout: [late]}}"
            ))
        };
        assert_eq!(map("'3'").check(), Ok(()));
        assert_eq!(map("'3'").get("3"), Some(JobStatus::Failed));
        assert_eq!(map("'3'").get("new"), None);
        let twice = map("run").check().unwrap_err();
        assert!(twice.message.contains("`run` twice"), "{twice}");
    }
}
