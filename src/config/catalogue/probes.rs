//! What a probe must hold beyond its own file: an operation of its action's integration that
//! only reads, for an action that does more than that.

use super::{Report, check_placeholders};
use crate::domain::{
    action::{Action, Performer},
    catalogue::Catalogue,
    nearest::did_you_mean,
};

/// Checks what an action's probe names.
pub(super) fn check_probe(action: &Action, catalogue: &Catalogue, report: &mut Report<'_>) {
    let Some(probe) = &action.probe else {
        return;
    };
    let Performer::Operation {
        integration,
        operation,
    } = &action.performer
    else {
        let said = "asks an integration, and none performs the action".to_owned();
        report("probe", said, None);
        return;
    };
    // Where there is no such integration, that is told at its own key.
    let Some(known) = catalogue.integrations.get(integration) else {
        return;
    };
    let operations = known.operation_names();
    if !operations.contains(&probe.operation.as_str()) {
        if !probe.operation.is_empty() {
            let hint = did_you_mean(&probe.operation, operations);
            let said = format!("is `{}`, which `{integration}` has not", probe.operation);
            report("probe.operation", said, hint);
        }
        return;
    }
    if !known.only_reads(&probe.operation) {
        let said = format!("is `{}`, which does more than read", probe.operation);
        report("probe.operation", said, None);
    }
    if known.only_reads(operation) {
        let said = format!("is of no use: `{operation}` only reads, so its end is never unknown");
        report("probe", said, None);
    }
    check_placeholders(action, known, &probe.operation, report);
}
