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
            read::Malformed,
            version::{Procedures, Published, Source, Stage, Version},
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
    pub fn verify_procedure(&self, read: Result<Definition, Malformed>) -> Verified {
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
        let mut taken = Taken::default();
        for (file, text) in files {
            self.take_file((file, text), &before, &mut taken).await?;
        }
        let Taken { slugs, errors } = taken;
        for (slug, published) in &before.active {
            let Source::File(file) = &published.version.source else {
                continue;
            };
            if !files.contains_key(file) && !slugs.contains(slug) {
                let source = published.version.source.clone();
                let archived = self
                    .archive_procedure(slug, source, &Entry::house())
                    .await?;
                tell(file, slug, "archived", archived);
            }
        }
        if !errors.is_empty() {
            self.state_of_house("policy.rejected", Arc::new(PolicyRejected { errors }))
                .await;
        }
        Ok(())
    }

    /// Publishes what a file says, where it differs from what is published.
    async fn take_file(
        &self,
        (file, text): (&str, &str),
        before: &Procedures,
        taken: &mut Taken,
    ) -> Result<(), FileFault> {
        let source = Source::File(file.to_owned());
        let read = Definition::parse(text);
        let known = read.as_ref().ok();
        let known = known.and_then(|definition| before.active.get(&definition.slug));
        let is_same = known.zip(read.as_ref().ok()).is_some_and(|(known, read)| {
            known.version.definition == read.text && known.version.source == source
        });
        let verified = self.verify_procedure(read);
        report(file, &verified.faults, is_same, &mut taken.errors);
        let Some(definition) = verified.publishable() else {
            return Ok(());
        };
        let slug = definition.slug.clone();
        if !taken.slugs.insert(slug.clone()) {
            let message = format!("another file says `{slug}` too");
            tracing::error!(file, "{message}");
            let error = json!({"file": format!("procedures/{file}"), "message": message});
            taken.errors.push(error);
        } else if !is_same {
            let (how, house) = ((Stage::Active, source), Entry::house());
            let written = self.write_procedure(definition.clone(), how, &house);
            tell(file, &slug, "published", written.await?);
        }
        Ok(())
    }
}

/// What has been seen of the files so far.
#[derive(Default)]
struct Taken {
    /// The slugs of those without a fault.
    slugs: BTreeSet<String>,
    /// What is wrong with the others.
    errors: Vec<Value>,
}

/// Logs what became of the procedure of a file.
fn tell(file: &str, slug: &str, what: &str, receipt: Receipt) {
    match receipt {
        Receipt::Refused(rejection) => {
            tracing::error!(file, procedure = slug, %rejection, "the procedure was not {what}");
        }
        Receipt::Accepted { .. } | Receipt::Duplicate { .. } | Receipt::Ignored { .. } => {
            tracing::info!(file, procedure = slug, "the procedure was {what}");
        }
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
