// PHP files. Written for ungcuu; each rule's name has its sentence for people in reasons.py.
// Only what hardly ever stands in an application's own code is "high"; "mark" is a hint for the model alone.

rule input_is_run : high {
    strings:
        $a = /\b(eval|assert|system|shell_exec|passthru|popen|proc_open)[ \t]{0,4}\([ \t]{0,4}@?[ \t]{0,4}(stripslashes|trim|base64_decode|urldecode|gzinflate|str_rot13|strrev|hex2bin)?[ \t]{0,4}\(?[ \t]{0,4}@?\$_(GET|POST|REQUEST|COOKIE)\b/ nocase
        $b = /\b(eval|assert)[ \t]{0,4}\([ \t]{0,4}@?(file_get_contents|join|implode|end|current)[ \t]{0,4}\([^;]{0,40}(php:\/\/input|\$_(GET|POST|REQUEST|COOKIE))/ nocase
    condition:
        any of them
}

rule evaluates_decoded : high {
    strings:
        $a = /\beval[ \t]{0,4}\([ \t]{0,4}@?["'?><. \t]{0,8}(gzinflate|gzuncompress|gzdecode|str_rot13|strrev|convert_uudecode|base64_decode|rawurldecode)[ \t]{0,4}\([ \t]{0,4}@?(["'$]|gzinflate|gzuncompress|str_rot13|strrev|base64_decode|rawurldecode|hex2bin)/ nocase
    condition:
        $a
}

rule calls_input : high {
    strings:
        $a = /[^\w>]@?\$_(GET|POST|REQUEST|COOKIE)[ \t]{0,4}\[[^\]\n]{1,40}\][ \t]{0,4}\([ \t]{0,4}@?\$(_(GET|POST|REQUEST|COOKIE)|\{)/ nocase
    condition:
        $a
}

rule name_in_pieces : high {
    strings:
        $a = /["']b["'][ \t]{0,3}\.[ \t]{0,3}["']a?s?e?["'][ \t]{0,3}\.[ \t]{0,3}["'][ase64_]{1,5}["'][ \t]{0,3}\./ nocase
        $b = /(base6|base|bas|64_|_dec)["'][ \t]{0,3}\.[ \t]{0,3}["'](4_de|64_|e64|decode|ode|4_)/ nocase
        $c = /["'](a|as|ass|asse|asser)["'][ \t]{0,3}\.[ \t]{0,3}["'](s|ss|sert|ert|rt|t)["']/ nocase
        $d = /(create_|creat|_func)["'][ \t]{0,3}\.[ \t]{0,3}["'](func|e_fun|tion)/ nocase
        $e = /(gzi|gzinf|gzin)["'][ \t]{0,3}\.[ \t]{0,3}["'](nf|late|flate)/ nocase
        $f = /\["']?\\x(47|5f)\\x?(4c|47|50)/ nocase
    condition:
        any of them
}

rule known_shell_words : high {
    strings:
        $a = "FilesMan" nocase
        $b = "c99shell" nocase
        $c = "r57shell" nocase
        $d = "b374k" nocase
        $e = "IndoXploit" nocase
        $f = "WSOsetcookie" nocase
        $g = "Mini Shell" nocase fullword
        $h = "Safe Mode Bypass" nocase
        $i = "Priv8" nocase fullword
        $j = "uname -a" nocase fullword
        $k = "/etc/passwd"
        $l = "back connect" nocase
        $m = "safe_mode" nocase fullword
        $n = "posix_getpwuid"
        $o = "disable_functions" nocase
        $p = "php_uname" nocase
        $run = /\b(system|exec|shell_exec|passthru|popen|proc_open)[ \t]{0,4}\(/ nocase
    condition:
        (1 of ($a, $b, $c, $d, $e, $f) and 1 of ($j, $k, $m, $n, $o, $p, $run)) or
        (1 of ($g, $h, $i, $l) and 2 of ($j, $k, $m, $n, $o, $p) and $run) or
        (6 of ($j, $k, $l, $m, $n, $o, $p) and $run)
}

rule hides_itself : mark {
    strings:
        $a = /@?ini_set[ \t]{0,3}\([ \t]{0,3}["'](display_errors|error_log|log_errors)["'][ \t]{0,3},[ \t]{0,3}(["']?0|NULL|false)/ nocase
        $b = /@?error_reporting[ \t]{0,3}\([ \t]{0,3}0[ \t]{0,3}\)/ nocase
        $c = /@?set_time_limit[ \t]{0,3}\([ \t]{0,3}0[ \t]{0,3}\)/ nocase
        $d = /ignore_user_abort[ \t]{0,3}\([ \t]{0,3}(true|1)?[ \t]{0,3}\)/ nocase
        $e = "unlink(__FILE__)" nocase
    condition:
        2 of them
}

rule sets_own_time : mark {
    strings:
        $a = /\btouch[ \t]{0,3}\([ \t]{0,3}(__FILE__|\$_SERVER\[["'](SCRIPT|PHP_SELF)|\$[a-z0-9_]{1,20},[ \t]{0,3}(strtotime|filemtime))/ nocase
    condition:
        $a
}

rule crawlers_see_other_page : mark {
    strings:
        $a = "HTTP_USER_AGENT"
        $b = /googlebot|bingbot|baiduspider|yandexbot|coccocbot/ nocase
        $c = /(file_get_contents|curl_init|fopen|include|readfile)[ \t]{0,3}\(?[ \t]{0,3}["'(]?["']?https?:\/\// nocase
        $d = "base64_decode" nocase
    condition:
        $a and $b and ($c or $d)
}

rule names_in_number_tables : mark {
    strings:
        $a = /(chr[ \t]{0,3}\([ \t]{0,3}(0x[0-9a-f]{1,2}|\d{1,3})[ \t]{0,3}(\^[ \t]{0,3}\w{1,4}[ \t]{0,3})?\)[ \t]{0,3}\.[ \t]{0,3}){5}/ nocase
        $b = /(\$[a-z0-9_]{1,20}[\[{]\d{1,3}[\]}][ \t]{0,3}\.[ \t]{0,3}){5}/ nocase
        $c = /(\\x[0-9a-f]{2}|\\[0-7]{2,3}){8}/ nocase
        $d = /\$\{["'](\\x[0-9a-f]{2}|\\[0-7]{2,3}){2}/ nocase
    condition:
        any of them
}
