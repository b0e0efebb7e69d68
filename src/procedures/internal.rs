//! Internal actions: what a procedure can have Provost do itself, and with which parameters.

/// An internal action.
#[derive(Clone, Copy, Debug)]
pub struct Internal {
    /// Its name.
    pub name: &'static str,
    /// Its parameters, by name, each with whether it must be there.
    pub params: &'static [(&'static str, bool)],
    /// The variable that it fills, if any.
    pub fills: Option<&'static str>,
}

/// Every internal action, by name.
pub const INTERNAL: &[Internal] = &[
    Internal {
        name: "create_lead",
        params: &[
            ("company", false),
            ("email", true),
            ("message", false),
            ("name", false),
            ("phone", false),
        ],
        fills: Some("leadId"),
    },
    Internal {
        name: "create_ticket",
        params: &[
            ("description", false),
            ("email", false),
            ("name", false),
            ("priority", false),
            ("subject", true),
        ],
        fills: Some("ticketId"),
    },
    Internal {
        name: "resolve_session",
        params: &[],
        fills: None,
    },
    Internal {
        name: "send_email",
        params: &[("body", true), ("subject", true), ("to", true)],
        fills: None,
    },
    Internal {
        name: "tag_session",
        params: &[("tag", true)],
        fills: None,
    },
];

/// Gives the internal action of a name.
pub fn internal(name: &str) -> Option<&'static Internal> {
    INTERNAL.iter().find(|internal| internal.name == name)
}
