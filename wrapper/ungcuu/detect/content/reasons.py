"""Sentences for what rules and structure find. The model's reasons are the tokens that weighed most."""

from __future__ import annotations

from ungcuu.core.i18n import N_

SENTENCES = {
    # structure
    "evaluates-input": N_("runs as code what a visitor sends"),
    "runs-input": N_("runs a command that a visitor sends"),
    "calls-input": N_("calls a function that a visitor names"),
    "calls-from-input": N_("calls a function whose name is made of what a visitor sends"),
    "callback-input": N_("takes a callback from a visitor"),
    "callback-from-input": N_("makes a callback of what a visitor sends"),
    "callback-runs-input": N_("hands what a visitor sends to a function that runs it"),
    "callback-runs": N_("uses a function that runs code as a callback"),
    "hidden-input": N_("hides where it reads a visitor's input"),
    "hidden-name": N_("builds the name of a dangerous function out of pieces"),
    "named-by-text": N_("calls a dangerous function by a name in a text"),
    "writes-input": N_("writes what a visitor sends into a file"),
    "writes-input-as-code": N_("writes what a visitor sends into a file that can be run"),
    "writes-unpacked": N_("writes decoded bytes into a file"),
    "keeps-upload": N_("keeps an uploaded file"),
    "keeps-upload-named": N_("keeps an uploaded file under a name that the visitor chooses"),
    "includes-input": N_("includes a file that a visitor names"),
    "includes-from-input": N_("includes a file whose name is made of what a visitor sends"),
    "includes-disguised": N_("includes code from a file that should hold no code"),
    "evaluates": N_("runs a text as code"),
    "evaluates-hidden": N_("runs a computed text as code"),
    "evaluates-unpacked": N_("runs decoded bytes as code"),
    "calls-unpacked": N_("calls a function whose name is decoded"),
    "code-in-text": N_("holds code inside of an encoded text"),
    "replaces-with-code": N_("has preg_replace run its replacement as code"),
    "runs": N_("runs a command of the system"),
    "unknown-takes-input": N_("hands what a visitor sends to a function that is not known"),
    # rules
    "input_is_run": N_("runs what a visitor sends"),
    "evaluates_decoded": N_("runs decoded bytes as code"),
    "calls_input": N_("calls a function that a visitor names"),
    "name_in_pieces": N_("builds the name of a dangerous function out of pieces"),
    "known_shell_words": N_("holds the words of a web shell"),
    "hides_itself": N_("suppresses errors and limits"),
    "sets_own_time": N_("sets its own time of change"),
    "crawlers_see_other_page": N_("shows search engines another page"),
    "names_in_number_tables": N_("writes names as numbers"),
    "runs_media_as_code": N_("makes the server run pictures or texts as code"),
    "prepends_code": N_("makes PHP run another file before or after each page"),
    "redirects_search_visitors": N_("redirects visitors who come from a search engine"),
    "only_named_code_runs": N_("lets only some named scripts run, and blocks all others"),
    "loads_hidden_script": N_("loads a script whose address or text is hidden"),
    "skims_payment": N_("reads payment forms and sends them away"),
    "redirects_from_search": N_("redirects visitors who come from a search engine"),
    "script_after_page_end": N_("has a hidden script after the end of the page"),
    "other_servers_shell": N_("runs what a visitor sends"),
    "picture_with_code": N_("is a picture or an archive that holds PHP code"),
}
MODEL = N_("resembles malicious code: {tokens}")
