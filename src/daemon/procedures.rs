//! Procedures as they are written and published here: from the folder `procedures/` of the configuration, and
//! by people over the API.
//!
//! A file says what is published: each change of it is a version, and a file that is gone archives its
//! procedure. One that is wrong leaves what is published as it is. Daemons on one database read the same
//! files; whoever comes second finds nothing to change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    app::App,
    intake::{Receipt, SubmitError},
};
use crate::{
    config::read_procedure_files,
    decide::{
        Decide, Entry, PolicyRejected, ProcedureArchived, ProcedureWritten, procedure_subject,
    },
    domain::{
        access::Verb,
        procedure::{
            Definition, Fault, Weight,
            version::{Published, Source, Stage, Version},
        },
    },
    store::Reader,
    workbench::{
        simulate::{Ground, Script, Simulated, simulate},
        verify::{Verified, verify},
    },
};

impl App {
    /// Looks at a definition under the policy in force.
    pub fn verify_procedure(&self, read: Result<Definition, Vec<Fault>>) -> Verified {
        self.with_ground(|ground| verify(ground, read))
    }

    /// Runs a definition by a script, under the policy in force and without any effect.
    pub fn simulate_procedure(&self, definition: &Definition, script: &Script) -> Simulated {
        self.with_ground(|ground| simulate(ground, definition, script))
    }

    fn with_ground<T>(&self, work: impl FnOnce(&Ground<'_>) -> T) -> T {
        let ruling = self.in_force.ruling();
        work(&Ground {
            policy: &ruling.policy,
            settings: &ruling.settings,
            now: self.clock.now(),
        })
    }

    /// Writes a draft, or publishes a version.
    ///
    /// *Errors*: when the pipeline does not take it. A refusal is in the receipt.
    pub async fn write_procedure(
        &self,
        definition: Definition,
        (stage, source): (Stage, Source),
        by: &Entry,
    ) -> Result<Receipt, SubmitError> {
        let version = Version {
            slug: definition.slug.clone(),
            version: 0,
            stage,
            source,
            definition: definition.text.clone(),
            changed_at: self.clock.now(),
            changed_by: String::new(),
            stopped: None,
        };
        let subject = procedure_subject(&version.slug);
        let (kind, verb) = match stage {
            Stage::Draft => ("procedure.drafted", Verb::Edit),
            Stage::Active | Stage::Archived => ("procedure.published", Verb::Publish),
        };
        let needs = needs(&version.source, verb);
        let published = Arc::new(Published {
            version,
            definition,
        });
        let verb: Arc<dyn Decide> = Arc::new(ProcedureWritten { published });
        self.have_decided(kind, &subject, (verb, needs), by).await
    }

    /// Archives a procedure.
    ///
    /// *Errors*: when the pipeline does not take it. A refusal is in the receipt.
    pub async fn archive_procedure(
        &self,
        slug: &str,
        source: Source,
        by: &Entry,
    ) -> Result<Receipt, SubmitError> {
        let needs = needs(&source, Verb::Publish);
        let verb: Arc<dyn Decide> = Arc::new(ProcedureArchived {
            slug: slug.to_owned(),
            source,
        });
        let subject = procedure_subject(slug);
        self.have_decided("procedure.archived", &subject, (verb, needs), by)
            .await
    }

    /// Publishes what the files say, and tells what is wrong with those that stay as they were.
    pub(super) async fn publish_files(&self) {
        let folder = self.folders.config.join("procedures");
        let read = tokio::task::spawn_blocking(move || read_procedure_files(&folder)).await;
        let files = match read {
            Ok(Ok(Some(files))) => files,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => {
                tracing::error!(%error, "the folder of the procedures cannot be read");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "reading the procedures has failed");
                return;
            }
        };
        if let Err(error) = self.take_files(&files).await {
            tracing::error!(%error, "procedures of files were not published; the next reload tries again");
        }
    }

    async fn take_files(&self, files: &BTreeMap<String, String>) -> Result<(), FileFault> {
        let before = self.store.read(Reader::published).await?;
        let (mut errors, mut slugs) = (Vec::new(), BTreeSet::new());
        for (file, text) in files {
            let source = Source::File(file.clone());
            let read = Definition::parse(text);
            let is_same = read.as_ref().is_ok_and(|definition| {
                let known = before.active.get(&definition.slug);
                known.is_some_and(|known| {
                    known.version.definition == definition.text && known.version.source == source
                })
            });
            let verified = self.verify_procedure(read);
            report(file, &verified.faults, is_same, &mut errors);
            let Some(definition) = verified.publishable() else {
                continue;
            };
            if !slugs.insert(definition.slug.clone()) {
                let message = format!("another file says `{}` too", definition.slug);
                tracing::error!(file, "{message}");
                errors.push(json!({"file": format!("procedures/{file}"), "message": message}));
                continue;
            }
            if !is_same {
                let how = (Stage::Active, source);
                let house = Entry::house();
                let written = self.write_procedure(definition.clone(), how, &house);
                if let Receipt::Refused(rejection) = written.await? {
                    tracing::error!(file, %rejection, "a procedure was not published");
                } else {
                    tracing::info!(file, procedure = definition.slug, "procedure published");
                }
            }
        }
        for (slug, published) in &before.active {
            let Source::File(file) = &published.version.source else {
                continue;
            };
            if !files.contains_key(file) && !slugs.contains(slug) {
                let source = published.version.source.clone();
                self.archive_procedure(slug, source, &Entry::house())
                    .await?;
                tracing::info!(
                    file,
                    procedure = slug,
                    "procedure archived: its file is gone"
                );
            }
        }
        if !errors.is_empty() {
            self.state_of_house("policy.rejected", Arc::new(PolicyRejected { errors }))
                .await;
        }
        Ok(())
    }
}

/// Why files were not published.
#[derive(Debug, thiserror::Error)]
enum FileFault {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

/// Gives the verb that it takes; a file needs nobody's leave.
fn needs(source: &Source, verb: Verb) -> &'static [Verb] {
    match (source, verb) {
        (Source::File(_), _) => &[],
        (Source::Api, Verb::Edit) => &[Verb::Edit],
        (Source::Api, _) => &[Verb::Publish],
    }
}

/// Logs what is wrong with a file, what is doubtful only when it is new; errors are told to others as well.
fn report(file: &str, faults: &[Fault], is_same: bool, errors: &mut Vec<Value>) {
    for fault in faults {
        if fault.severity == Weight::Warning {
            if !is_same {
                tracing::warn!(file, "{fault}");
            }
            continue;
        }
        tracing::error!(file, "{fault}; what was published before stays");
        let mut error = json!(fault);
        error["file"] = json!(format!("procedures/{file}"));
        errors.push(error);
    }
}
