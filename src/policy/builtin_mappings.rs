//! The inbound mappings that come with Provost, by name.
//!
//! Each is a Rhai script with `fn map(message)`; its head comment says what is
//! mapped. `config/mappings/NAME.rhai` takes the place of the one of its name.

/// Name and source of each, by name.
pub const BUILTIN: &[(&str, &str)] = &[
    ("chatwoot", include_str!("mappings/chatwoot.rhai")),
    ("rasa", include_str!("mappings/rasa.rhai")),
];
