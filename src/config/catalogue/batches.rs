//! What an action that gathers requests must hold beyond its own file: an operation over
//! HTTP that takes a list.

use super::Report;
use crate::domain::{
    action::Action,
    integration::{Integration, Kind},
};

/// What an operation for many requests puts in: the parameters of each, in order.
const ITEMS: &str = "items";

/// Checks that an operation takes a list, and nothing of any one request.
pub(super) fn check_batch(
    action: &Action,
    integration: &Integration,
    operation: &str,
    report: &mut Report<'_>,
) {
    let name = &integration.name;
    if !matches!(integration.kind, Kind::Http { .. }) {
        let said = format!("gathers requests for `{name}.{operation}`, whose answer is no list");
        report("batch", said, None);
        return;
    }
    let paths = integration.placeholders(operation);
    if !paths.iter().any(|path| path == ITEMS) {
        let hint = format!("put {{{{{ITEMS}}}}} into its body");
        let said = format!("gathers requests for `{name}.{operation}`, which takes no list");
        report("batch", said, Some(hint));
    }
    for path in paths.iter().filter(|path| *path != ITEMS) {
        let said = format!(
            "gathers requests for `{name}.{operation}`, which puts `{path}` of one request in"
        );
        report("batch", said, None);
    }
    if action.cache.is_some() {
        let said = "keeps answers, which are of many requests here".to_owned();
        report("cache", said, None);
    }
}
