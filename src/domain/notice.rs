//! Notices: what teammates are told, in the app and in their channels.
//!
//! A notice is plain data, made by a decision; how it looks in a channel is `crate::notices`,
//! and when it goes there is the channel's own affair.

use serde::{Deserialize, Serialize};

use super::{effect::ReportWish, time::Timestamp};

/// What a notice is about; there is a template for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A clock is over its time.
    SlaBreached,
    /// A breach lasts, and a level of its escalation fired.
    SlaEscalated,
    /// So much of a clock's target is used up.
    SlaWarning,
    /// Somebody's decision is asked for, or waited for.
    Approval,
    /// A conversation wants a person.
    Escalation,
    /// Something is out of the usual.
    Anomaly,
    /// A rule says something.
    Rule,
    /// How things stand.
    Digest,
    /// A report.
    Report,
    /// A channel does not take what it is sent.
    Channel,
    /// Somebody tries a channel.
    Test,
}

impl NoticeKind {
    /// All of them, those that go ahead of the others first.
    pub const ALL: [Self; 11] = [
        Self::SlaBreached,
        Self::SlaEscalated,
        Self::SlaWarning,
        Self::Approval,
        Self::Escalation,
        Self::Anomaly,
        Self::Rule,
        Self::Digest,
        Self::Report,
        Self::Channel,
        Self::Test,
    ];

    /// Gives the wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SlaBreached => "sla_breached",
            Self::SlaEscalated => "sla_escalated",
            Self::SlaWarning => "sla_warning",
            Self::Approval => "approval",
            Self::Escalation => "escalation",
            Self::Anomaly => "anomaly",
            Self::Rule => "rule",
            Self::Digest => "digest",
            Self::Report => "report",
            Self::Channel => "channel",
            Self::Test => "test",
        }
    }
}

/// What teammates are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The id of what it is about: a ticket, an approval, a conversation.
    pub about: String,
    /// One line.
    pub title: String,
    /// What there is to say.
    pub text: String,
    /// Labelled values, in order, such as `("Priority", "urgent")`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// Where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it happened; a notice that is posted late says so.
    pub at: Timestamp,
    /// Not to be posted to a channel before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// What is looked up when it is posted, and said in place of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_up: Option<LookUp>,
}

/// What a post tells as it is when the post is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookUp {
    /// How things stand.
    Digest {
        /// With which team; `None`: with all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
        /// In which time zone its times are told and its day begins.
        timezone: String,
    },
    /// What happened over a time.
    Report {
        /// Which report, and how.
        wish: ReportWish,
        /// The time zone whose weeks count.
        timezone: String,
    },
}
