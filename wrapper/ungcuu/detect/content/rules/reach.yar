// Whether a file is worth a syntax tree: it needs a way to run something, and something to run.

private rule runs {
    strings:
        $a = /[^\w>:$](eval|assert|create_function|system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec)\s{0,9}\(/ nocase
        $not = /function\s{1,4}(eval|assert|system|exec|shell_exec|passthru|popen)\s{0,9}\(/ nocase
    condition:
        #a > #not
}

private rule calls {
    strings:
        $a = /[^\w>:]\$\{?[a-z_0-9\x80-\xff]{1,80}\}?\s{0,4}([\[{][^\]}\n]{0,80}[\]}]\s{0,4})?\(/ nocase
        $b = /[)\]}]\s{0,2}\([^)]/
    condition:
        any of them
}

private rule hides_names {
    strings:
        $a = /base64_decode|gzinflate|gzuncompress|str_rot13|strrev|hex2bin|\bpack\s{0,3}\(|\bchr\s{0,3}\(|\\x[0-9a-f]{2}|uudecode/ nocase
        $b = /\$\{|\$\$|\$GLOBALS\s{0,3}[\[{]|['"]\s{0,3}[.^]\s{0,3}['"]|\][ \t]{0,3}\.[ \t]{0,3}\$/
    condition:
        any of them
}

private rule hands_over {
    strings:
        $a = /\b(call_user_func|forward_static|array_map|array_filter|array_walk|u[ak]?sort|array_reduce|preg_replace|register_\w{4,8}_function|ob_start|array_u?diff_?u?key|array_uintersect|file_put_contents|fwrite|fputs|move_uploaded_file|copy|ReflectionFunction)/ nocase
        $b = /\b(include|require)(_once)?\b[^;]{0,80}\$/ nocase
        $c = /`[^`\n]{0,200}\$/
    condition:
        any of them
}

private rule visitor {
    strings:
        $a = /\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\b|php:\/\/input|getallheaders|HTTP_RAW_POST|\b_(GET|POST)\b/
    condition:
        $a
}

rule worth_parsing {
    condition:
        runs or (calls and hides_names) or ((calls or hands_over) and visitor)
}
