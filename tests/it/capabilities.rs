//! What users are promised of actions, approvals, audit, roles and tickets, each with the test
//! that holds it. A promise without its test fails here.

use super::Source;

/// The promise, and the names of its tests.
const PROMISES: &[(&str, &[&str])] = &[
    (
        "actions execute in connected systems",
        &["an_action_is_carried_out_once_and_its_answer_is_told"],
    ),
    (
        "sensitive operations need a manager's sign-off",
        &["an_approval_gate_waits_for_two_distinct_people_and_never_for_who_asked"],
    ),
    (
        "gates by value, type, segment or channel",
        &["thresholds_gate_by_value_and_no_text_slips_under_one"],
    ),
    (
        "every action is logged: who, what, when, outcome",
        &["the_refund_of_the_readme_runs_as_it_is_written"],
    ),
    (
        "refund limits, set and changed without code",
        &[
            "refund_limits_reserve_release_and_keep",
            "of_twenty_at_once_exactly_the_seven_pass_that_fit",
        ],
    ),
    (
        "role-based access for agents and AI",
        &["role_based_access_denies_whoever_the_action_does_not_name"],
    ),
    (
        "every action is controlled, auditable and reversible",
        &["every_action_is_reversible_in_parts_that_sum_to_no_more_than_the_whole"],
    ),
    (
        "within bounds it proceeds, beyond them people decide",
        &["beyond_a_limit_people_decide_and_what_they_let_pass_counts"],
    ),
    (
        "the customer gets confirmation in the conversation",
        &["an_auto_action_is_sent_with_its_row_committed_first_and_told_once"],
    ),
    (
        "anomaly detection flags unusual patterns automatically",
        &["anomaly_detection_flags_unusual_patterns_automatically"],
    ),
    (
        "an action has name, description, trigger, integration, confirmation and permissions",
        &["the_catalogue_tells_an_ai_what_it_may_ask_for"],
    ),
    (
        "the six examples: order status, call-back, discount, ticket, confirmation, contact data",
        &["the_shipped_files_hold_without_any_variable"],
    ),
    (
        "confirm with the user before executing",
        &[
            "the_customer_is_asked_first_and_only_the_customer_answers",
            "a_declined_action_never_runs",
        ],
    ),
    (
        "validate inputs before execution",
        &["everything_wrong_with_the_parameters_is_told_at_once"],
    ),
    (
        "calculation and validation",
        &["a_calculation_is_exact_and_its_mistake_is_a_failure"],
    ),
    (
        "create a ticket, keep a lead, redirect to a person, steer a call",
        &["built_in_actions_are_done_by_the_house_at_once"],
    ),
    (
        "before the call: look up who is calling",
        &["a_rule_asks_along_the_same_path_as_everybody"],
    ),
    (
        "handle errors gracefully, with messages that help",
        &[
            "a_refusal_ends_it_and_says_so",
            "each_way_of_misbehaving_has_its_end",
        ],
    ),
    (
        "a rejection is explained and handed to a person",
        &["a_rejection_carries_its_reason_and_hands_the_conversation_to_a_person"],
    ),
    (
        "a ticket at one click, or automatically, with its full context: channel, messages, profile, analysis",
        &[
            "a_ticket_from_a_conversation_has_its_full_context",
            "the_life_of_a_ticket_at_the_command_line",
            "built_in_actions_are_done_by_the_house_at_once",
        ],
    ),
    (
        "category-based routing to the right team, and to a person in it",
        &["a_ticket_finds_its_team_by_category_and_there_a_person"],
    ),
    (
        "a direct link back to the conversation",
        &["a_keyword_escalates_with_a_ticket_in_full_context"],
    ),
    (
        "internal team comments are invisible to the customer",
        &[
            "internal_team_comments_are_invisible_to_the_customer",
            "an_internal_comment_never_leaves_and_a_public_one_is_told",
        ],
    ),
    (
        "open, in progress, waiting, resolved, closed, and back again",
        &[
            "the_moves_are_those_of_the_table",
            "every_illegal_move_names_both_states",
        ],
    ),
    (
        "close the loop with the customer",
        &[
            "closing_the_loop_tells_the_customer_unless_told_otherwise",
            "the_closing_message_is_configured_and_knows_the_customer",
        ],
    ),
    (
        "so many open, so many in progress, so many resolved today",
        &["resolved_today_counts_what_is_still_so"],
    ),
    (
        "tickets are assigned to teammates, tagged, and found",
        &[
            "a_null_takes_away_and_what_is_absent_stays",
            "tickets_are_found_by_words_together_with_every_filter",
            "a_search_finds_the_same_on_either_database",
        ],
    ),
    (
        "batch similar operations",
        &["what_shares_a_call_is_sent_again_as_it_was_after_a_crash"],
    ),
    (
        "alerts reach the team's channels: in their form, at their pace, without one holding up another",
        &[
            "each_kind_of_channel_gets_what_it_understands",
            "a_dead_channel_delays_no_other",
            "the_three_breaches_of_a_standstill_are_one_digest_each_with_its_own_time",
            "killed_at_every_step_no_notice_is_lost_and_none_is_doubled_without_the_mark",
        ],
    ),
];

#[test]
fn every_promise_has_its_test() {
    hold(PROMISES);
}

/// Looks whether each promise has its tests.
pub(crate) fn hold(promises: &[(&str, &[&str])]) {
    let sources = Source::all();
    for (promise, tests) in promises {
        for test in *tests {
            let named = format!("fn {test}(");
            let is_there = sources.iter().any(|source| source.text.contains(&named));
            assert!(is_there, "`{promise}` has no test `{test}` any more");
        }
    }
}
