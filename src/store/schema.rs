//! The tables, as diesel knows them: one text for both databases.
//!
//! `migrations/` makes them. Times are microseconds of UTC, JSON is text, keys,
//! digests and hashes are bytes.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    journal (position) {
        position -> BigInt,
        key -> Binary,
        subject -> Text,
        version -> BigInt,
        kind -> Text,
        time -> BigInt,
        decided_at -> BigInt,
        body -> Text,
        digest -> Binary,
        facts -> Text,
        policy -> Text,
        results -> Text,
        reply_to -> Nullable<Text>,
        correlation_id -> Nullable<Text>,
        daemon -> BigInt,
    }
}

table! {
    subjects (id) {
        id -> Text,
        version -> BigInt,
        decided_at -> BigInt,
        state -> Nullable<Text>,
        channel -> Text,
        customer_id -> Text,
        status -> Text,
        started_at -> BigInt,
        created -> BigInt,
    }
}

table! {
    tickets (ticket_id) {
        ticket_id -> Text,
        number -> BigInt,
        conversation_id -> Text,
        subject -> Text,
        description -> Nullable<Text>,
        status -> Text,
        priority -> Text,
        category -> Nullable<Text>,
        team -> Nullable<Text>,
        assignee -> Nullable<Text>,
        tags -> Text,
        link -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        context -> Nullable<Text>,
        created_by -> Text,
        resolved_at -> Nullable<BigInt>,
        reopened -> BigInt,
        closed_as -> Nullable<Text>,
        merged_into -> Nullable<Text>,
    }
}

table! {
    comments (ordinal) {
        ordinal -> BigInt,
        comment_id -> Text,
        ticket_id -> Text,
        number -> BigInt,
        conversation_id -> Text,
        at -> BigInt,
        author -> Text,
        internal -> BigInt,
        body -> Text,
    }
}

table! {
    escalations (ordinal) {
        ordinal -> BigInt,
        escalation_id -> Text,
        conversation_id -> Text,
        trigger -> Text,
        rule -> Nullable<Text>,
        reason -> Text,
        priority -> Text,
        team -> Nullable<Text>,
        ticket_id -> Nullable<Text>,
        state -> Text,
        raised_at -> BigInt,
        acknowledged_by -> Nullable<Text>,
        settled_by -> Nullable<Text>,
        updated_at -> BigInt,
    }
}

table! {
    requests (ordinal) {
        ordinal -> BigInt,
        request_id -> Text,
        subject -> Text,
        action -> Text,
        actor -> Text,
        customer_id -> Text,
        state -> Text,
        requested_at -> BigInt,
        updated_at -> BigInt,
        body -> Text,
    }
}

table! {
    approvals (ordinal) {
        ordinal -> BigInt,
        approval_id -> Text,
        request_id -> Text,
        subject -> Text,
        action -> Text,
        state -> Text,
        requested_at -> BigInt,
        due_at -> Nullable<BigInt>,
        body -> Text,
    }
}

table! {
    delegations (ordinal) {
        ordinal -> BigInt,
        delegation_id -> Text,
        from_person -> Text,
        to_person -> Text,
        ends_at -> BigInt,
        body -> Text,
    }
}

table! {
    deliveries (ordinal) {
        ordinal -> BigInt,
        delivery_id -> Text,
        notice_id -> Text,
        channel -> Text,
        kind -> Text,
        about -> Text,
        subject -> Text,
        rank -> BigInt,
        at -> BigInt,
        notice -> Text,
        state -> Text,
        attempts -> BigInt,
        ambiguous -> BigInt,
        not_before -> BigInt,
        updated_at -> BigInt,
        part_of -> Nullable<Text>,
        error -> Nullable<Text>,
    }
}

table! {
    channels (name) {
        name -> Text,
        daemon -> BigInt,
        body -> Text,
    }
}

table! {
    executions (request_id) {
        request_id -> Text,
        daemon -> BigInt,
        due_at -> BigInt,
        body -> Text,
    }
}

table! {
    budgets (name, key) {
        name -> Text,
        key -> Text,
        window_us -> Nullable<BigInt>,
        count -> BigInt,
        sum -> Text,
        rolled_to -> BigInt,
    }
}

table! {
    reservations (name, key, request_id) {
        name -> Text,
        key -> Text,
        request_id -> Text,
        at -> BigInt,
        amount -> Text,
    }
}

table! {
    tallies (name, key, hour) {
        name -> Text,
        key -> Text,
        hour -> BigInt,
        count -> BigInt,
        sum -> BigInt,
        told -> BigInt,
        keep_until -> BigInt,
    }
}

table! {
    anomalies (ordinal) {
        ordinal -> BigInt,
        name -> Text,
        key -> Text,
        hour -> BigInt,
        at -> BigInt,
        body -> Text,
    }
}

table! {
    leads (ordinal) {
        ordinal -> BigInt,
        lead_id -> Text,
        conversation_id -> Text,
        created_at -> BigInt,
        body -> Text,
    }
}

table! {
    teams (name) {
        name -> Text,
        turn -> BigInt,
    }
}

table! {
    audit (sequence) {
        sequence -> BigInt,
        position -> BigInt,
        at -> BigInt,
        subject -> Text,
        actor -> Text,
        action -> Text,
        outcome -> Text,
        rule -> Text,
        body -> Text,
        hash -> Binary,
        customer -> Nullable<Text>,
        amount -> Nullable<BigInt>,
    }
}

table! {
    audit_persons (label) {
        label -> Text,
        salt -> Binary,
        value -> Text,
        at -> BigInt,
    }
}

table! {
    audit_rules (rule, sequence) {
        rule -> Text,
        sequence -> BigInt,
    }
}

table! {
    seals (last) {
        last -> BigInt,
        first -> BigInt,
        seal_id -> Text,
        at -> BigInt,
        root -> Binary,
        previous -> Text,
        signature -> Binary,
        public_key -> Binary,
    }
}

table! {
    clocks (owner, metric, cycle) {
        owner -> Text,
        metric -> Text,
        cycle -> BigInt,
        subject -> Text,
        policy -> Text,
        state -> Text,
        started_at -> BigInt,
        due_at -> BigInt,
        wake_at -> Nullable<BigInt>,
        breached_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        body -> Text,
    }
}

table! {
    transitions (ordinal) {
        ordinal -> BigInt,
        owner -> Text,
        metric -> Text,
        cycle -> BigInt,
        at -> BigInt,
        kind -> Text,
        body -> Text,
    }
}

table! {
    terms (policy, policy_version, calendar, calendar_version) {
        policy -> Text,
        policy_version -> Text,
        calendar -> Text,
        calendar_version -> Text,
        body -> Text,
    }
}

table! {
    parked (ordinal) {
        ordinal -> BigInt,
        parked_id -> Text,
        at -> BigInt,
        reason -> Text,
        detail -> Text,
        event_id -> Nullable<Text>,
        entry -> Text,
        transport -> Text,
        content -> Binary,
    }
}

table! {
    attempts (key) {
        key -> Binary,
        count -> BigInt,
        at -> BigInt,
    }
}

table! {
    daemons (id) {
        id -> BigInt,
        instance -> Text,
        epoch -> BigInt,
        watermark -> BigInt,
        beat_at -> BigInt,
    }
}

table! {
    tokens (name) {
        name -> Text,
        hash -> Binary,
        roles -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used -> Nullable<BigInt>,
    }
}

table! {
    policies (version) {
        version -> Text,
        sources -> Text,
        loaded_at -> BigInt,
        turn -> BigInt,
    }
}

table! {
    procedures (slug, version) {
        slug -> Text,
        version -> BigInt,
        stage -> Text,
        changed -> BigInt,
        body -> Text,
    }
}

table! {
    runs (ordinal) {
        ordinal -> BigInt,
        run_id -> Text,
        subject -> Text,
        procedure -> Text,
        version -> BigInt,
        state -> Text,
        due_at -> Nullable<BigInt>,
        over_at -> Nullable<BigInt>,
        body -> Text,
    }
}

table! {
    tail (id) {
        id -> BigInt,
        position -> BigInt,
        audit_sequence -> BigInt,
        audit_hash -> Binary,
        min_reader -> BigInt,
    }
}

table! {
    numbers (id) {
        id -> BigInt,
        next -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(channels, daemons);
allow_tables_to_appear_in_same_query!(daemons, journal);
allow_tables_to_appear_in_same_query!(audit, audit_rules);
allow_tables_to_appear_in_same_query!(clocks, tickets);
allow_tables_to_appear_in_same_query!(subjects, tickets);
