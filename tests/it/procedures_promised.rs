//! What users are promised of procedures, promise by promise, each with the tests that hold it. A promise
//! without its test fails here.

use crate::gates::capabilities::hold;

/// The promise, and the names of its tests.
const PROMISES: &[(&str, &[&str])] = &[
    (
        "workflows of several steps run by themselves in a conversation: they gather, look up, refund, open tickets",
        &["a_refund_goes_from_the_wish_to_the_approved_ticket"],
    ),
    (
        "nobody is needed in between, unless a step is to be approved",
        &[
            "every_internal_action_is_done",
            "a_refund_goes_from_the_wish_to_the_approved_ticket",
        ],
    ),
    (
        "a request that fits the trigger starts it: the platform's AI picks from the catalogue, or the words do",
        &[
            "a_procedure_is_drafted_checked_published_run_and_archived",
            "the_customers_words_start_what_they_ask_for_and_a_tie_is_asked_about",
            "sentences_find_the_procedure_that_they_ask_for",
        ],
    ),
    (
        "steps run in order: messages, questions, calls, forks",
        &["a_run_goes_on_until_it_waits_and_ends_on_the_branch_that_is_meant"],
    ),
    (
        "it pauses for the customer or for people, and goes on when they are ready, days later too",
        &[
            "a_run_waits_for_days_and_goes_on_where_it_was",
            "killed_again_and_again_runs_lose_and_double_nothing",
        ],
    ),
    (
        "it completes, and the conversation goes on",
        &["a_refund_goes_from_the_wish_to_the_approved_ticket"],
    ),
    (
        "display name, trigger and description; a slug made of the name, lower case with hyphens",
        &[
            "a_slug_is_made_of_any_name",
            "a_definition_is_read_from_yaml_and_the_same_from_json",
        ],
    ),
    (
        "a slug is one procedure's",
        &[
            "a_procedure_is_drafted_checked_published_run_and_archived",
            "one_version_is_active_and_a_stopped_one_begins_no_run",
        ],
    ),
    (
        "the display name stands where people approve",
        &["a_refund_goes_from_the_wish_to_the_approved_ticket"],
    ),
    (
        "seven types of step, each with its fields",
        &["each_step_is_read_with_what_its_form_says_and_misses_what_it_must_have"],
    ),
    (
        "what a visual editor needs is kept with the definition",
        &["the_schema_takes_what_reading_takes_and_refuses_what_it_refuses"],
    ),
    (
        "a message puts what was gathered into its text",
        &["a_run_goes_on_until_it_waits_and_ends_on_the_branch_that_is_meant"],
    ),
    (
        "a question keeps its answer in a variable: text, e-mail, telephone or number",
        &[
            "a_text_is_anything_that_is_not_empty",
            "a_number_is_one_by_its_value",
            "an_address_is_one_that_mail_can_go_to",
            "a_telephone_number_is_kept_in_its_one_form",
        ],
    ),
    (
        "an answer that is none has the question asked again",
        &[
            "an_answer_that_is_none_repeats_the_question_and_the_last_one_calls_a_person",
            "what_is_no_answer_repeats_the_question_and_then_calls_a_person",
        ],
    ),
    (
        "a condition compares a variable, or a part of it by its path, with all operators",
        &[
            "texts_are_compared_as_they_are_written",
            "a_text_holds_a_part_and_a_list_a_member",
            "what_is_no_number_is_a_fault_and_never_the_other_way",
            "there_is_what_is_not_empty",
        ],
    ),
    (
        "it goes on at one step if so, at another if not",
        &["the_other_branch_says_its_text_and_opens_no_ticket"],
    ),
    (
        "a call has address, method, body and a variable for the answer, with values in all of them",
        &[
            "a_refund_goes_from_the_wish_to_the_approved_ticket",
            "a_value_that_would_leave_the_path_is_sent_nowhere",
            "an_api_that_fails_or_talks_nonsense_hands_over_and_fills_nothing",
        ],
    ),
    (
        "or it names an action that is configured",
        &[
            "the_customer_confirms_in_his_own_words_what_an_action_asks_first",
            "killed_again_and_again_runs_lose_and_double_nothing",
        ],
    ),
    (
        "internal actions: ticket, lead, e-mail, resolving, tagging, with their parameters",
        &[
            "every_internal_action_is_done",
            "a_mail_goes_to_one_plain_address_by_the_house_server",
            "each_internal_action_is_an_action_that_something_performs",
        ],
    ),
    (
        "a variable is set, also from others, for later steps",
        &["a_run_goes_on_until_it_waits_and_ends_on_the_branch_that_is_meant"],
    ),
    (
        "handing over ends the procedure, and the customer hears the reason",
        &["the_other_branch_hands_over_with_what_the_customer_is_told"],
    ),
    (
        "approval: none, people are told at once, or people decide first",
        &[
            "every_internal_action_is_done",
            "a_refund_goes_from_the_wish_to_the_approved_ticket",
        ],
    ),
    (
        "agents see action, procedure and all variables; a yes goes on, a no with its reason calls a person",
        &[
            "a_refund_goes_from_the_wish_to_the_approved_ticket",
            "a_rejection_hands_over_with_its_reason",
        ],
    ),
    (
        "steps go the way of every action: rules and limits hold for them",
        &["limits_and_rules_hold_for_steps_as_for_every_action"],
    ),
    (
        "drafts are started by nobody, active ones are, archived ones no more",
        &["a_procedure_is_drafted_checked_published_run_and_archived"],
    ),
    (
        "simulation: all steps with mocked answers and given inputs, without any call or ticket",
        &[
            "scenarios_hold_and_what_none_comes_to_is_named",
            "a_script_that_does_not_say_what_happens_is_an_error_with_the_step",
        ],
    ),
    (
        "publishing checks every step and points to the one at fault",
        &[
            "everything_wrong_is_told_at_once_with_its_place_and_a_remedy",
            "a_scenario_that_fails_stands_against_publishing",
        ],
    ),
    (
        "the refund handler, lead qualification and order status behave as they are meant",
        &["the_shipped_procedures_hold_by_scenarios_that_come_everywhere"],
    ),
    (
        "each publication is a version with a number, and what changed can be looked at",
        &[
            "versions_differ_are_stopped_and_runs_move_to_another_one",
            "a_file_is_the_source_of_what_is_published",
        ],
    ),
    (
        "admins and owners write, publish and archive; every agent looks and decides approvals",
        &["every_route_lets_in_the_roles_of_its_case_and_nobody_else"],
    ),
    (
        "from the wish to the approved ticket as the README shows it",
        &["the_procedure_of_the_readme_runs_as_it_is_written"],
    ),
];

#[test]
fn every_promise_of_procedures_has_its_test() {
    hold(PROMISES);
}
