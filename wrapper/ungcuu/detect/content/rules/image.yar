// Pictures, fonts, archives: a file that isn't code by its first bytes, and carries code that acts.

rule picture_with_code : high {
    strings:
        $tag = /<\?(php\b|=)[^\x00]{0,400}(eval|assert|system|exec|passthru|shell_exec|base64_decode|\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)|file_put_contents|move_uploaded_file|include|preg_replace|create_function)/ nocase
        $short = /<script[ \t]{1,9}language[ \t]{0,3}=[ \t]{0,3}["']?php["']?[ \t]{0,3}>/ nocase
    condition:
        any of them
}
