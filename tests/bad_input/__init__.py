"""Where each sentence of "Bad input" has its named test; test_register.py sees to it that they exist.

| sentence | test |
| --- | --- |
| wrong state | tests/security/test_connect_attacks.py::test_missing_or_guessed_state_is_refused |
| expired state | tests/security/test_connect_attacks.py::test_expired_state_is_refused |
| replayed state | tests/security/test_connect_attacks.py::test_used_state_is_refused_and_the_connection_stays |
| foreign state | tests/security/test_connect_attacks.py::test_state_of_another_browser_is_refused |
| wrong code | tests/security/test_connect_attacks.py::test_wrong_code_is_refused |
| expired code | tests/security/test_connect_attacks.py::test_expired_code_is_refused |
| replayed code | tests/security/test_connect_attacks.py::test_code_used_again_under_a_new_state_is_refused |
| foreign code | tests/security/test_connect_attacks.py::test_code_of_another_attempt_is_refused |
| denied consent | tests/security/test_connect_attacks.py::test_denied_consent_is_told_and_stores_nothing |
| unsigned webhook | tests/webhooks/test_inbox.py::test_unsigned_delivery_is_refused_and_not_stored |
| altered webhook | tests/webhooks/test_inbox.py::test_altered_delivery_is_refused_and_not_stored |
| stale webhook | tests/webhooks/test_inbox.py::test_stale_or_future_delivery_is_refused_and_not_stored |
| oversized webhook | tests/webhooks/test_inbox.py::test_oversized_delivery_is_refused_unread |
| non-JSON webhook | tests/webhooks/test_inbox.py::test_signed_body_that_is_no_event_is_refused_and_not_stored |
| unknown event type | tests/webhooks/test_inbox.py::test_unknown_event_type_is_stored_and_answered_with_200 |
| unknown account | tests/webhooks/test_inbox.py::test_event_of_an_unknown_account_is_quarantined_and_belongs_to_nobody |
| another tenant's ids | tests/security/test_cross_tenant_matrix.py::test_foreign_ids_are_404_show_nothing_and_change_nothing |
| amount that is a float or negative | tests/bad_input/test_amounts.py::test_total_that_is_no_positive_whole_number_is_refused |
| amount in another currency | tests/bad_input/test_amounts.py::test_payment_in_another_currency_than_the_invoice_is_refused |
| missing environment in production | tests/hub/test_config.py::test_an_empty_production_environment_names_each_missing_variable |
| full disk | tests/bad_input/test_servers_gone.py::test_full_disk_refuses_what_it_cannot_keep_and_takes_it_afterwards |
| Redis down | tests/bad_input/test_servers_gone.py::test_redis_down_takes_webhooks_and_their_work_is_done_when_it_is_back |
| PostgreSQL down | tests/bad_input/test_servers_gone.py::test_postgres_down_answers_503_says_so_and_all_recovers |
| PostgreSQL down, pages | tests/bad_input/test_servers_gone.py::test_postgres_down_a_browser_shows_a_page_that_says_so |
| Redis down, pages | tests/bad_input/test_servers_gone.py::test_redis_down_pages_are_read_and_the_change_waits |
"""
