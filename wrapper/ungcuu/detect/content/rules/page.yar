// JavaScript and pages: loaders, skimmers, redirects of visitors who come from a search.

rule loads_hidden_script : high {
    strings:
        $a = /eval[ \t]{0,4}\([ \t]{0,4}(String\.fromCharCode|atob)[ \t]{0,4}\(/ nocase
        $b = /(eval|document\.write)[ \t]{0,4}\([ \t]{0,4}(unescape|decodeURIComponent)[ \t]{0,4}\([ \t]{0,4}["'](%[0-9a-f]{2}){20}/ nocase
        $c = /createElement[ \t]{0,4}\([ \t]{0,4}(String\.fromCharCode|atob)[ \t]{0,4}\(/ nocase
        $d = /\.src[ \t]{0,4}=[ \t]{0,4}(String\.fromCharCode|atob)[ \t]{0,4}\([ \t]{0,4}["'\d]/ nocase
        $e = /String\.fromCharCode[ \t]{0,4}\([ \t]{0,4}(\d{2,3}[ \t]{0,4},[ \t]{0,4}){40}/ nocase
        $f = /\[[ \t]{0,4}["']?(\\x[0-9a-f]{2}){6,40}["'][ \t]{0,4},[ \t]{0,4}["'](\\x[0-9a-f]{2}){4}/ nocase
        $insert = /(appendChild|insertBefore|document\.write|createElement|eval)[ \t]{0,4}\(/
        $hex_insert = /\\x73\\x63\\x72\\x69\\x70\\x74|\\x61\\x70\\x70\\x65\\x6e\\x64/ nocase
    condition:
        $b or $c or $d or ($a and filesize < 200KB) or ($e and $insert and filesize < 200KB) or ($f and $hex_insert)
}

rule skims_payment : high {
    strings:
        $a = /(cc_?(number|cvv|cvc|exp)|card_?(number|cvv|cvc)|cvv2?|payment\[cc|billing\[)/ nocase
        $b = /(checkout|onepage|firecheckout|payment)/ nocase
        $c = /(addEventListener|onclick|setInterval|\.on[ \t]{0,3}\()/ nocase
        $d = /(new Image|XMLHttpRequest|sendBeacon|\.src[ \t]{0,3}\+?=|\$\.ajax|fetch[ \t]{0,3}\()/ nocase
        $e = /(btoa|encodeURIComponent|Base64\.encode|JSON\.stringify)[ \t]{0,3}\(/ nocase
        $f = /querySelectorAll[ \t]{0,3}\([ \t]{0,3}["'][^"']{0,40}input[^"']{0,60}(select|textarea)/ nocase
        $g = /(location\.href|document\.location|window\.location)[^;\n]{0,60}(indexOf|match|test|search|includes)[^;\n]{0,60}(checkout|onepage|payment)/ nocase
    condition:
        filesize < 100KB and $g and $d and $e and ($f or ($a and $b and $c))
}

rule redirects_from_search : high {
    strings:
        $a = /document\.referrer[^;]{0,200}(google|bing|yahoo|yandex|baidu|coccoc)/ nocase
        $b = /(window\.|document\.|top\.|self\.)?location(\.href|\.replace)?[ \t]{0,3}(=|\()[ \t]{0,3}["']https?:\/\// nocase
    condition:
        $a and $b and filesize < 100KB
}

rule script_after_page_end : high {
    strings:
        $a = /<\/html>\s{0,200}<script[^>]{0,200}>[^<]{0,4000}(eval|unescape|fromCharCode|atob)[ \t]{0,3}\(/ nocase
        $b = /<script[^>]{0,40}>[^<]{0,200}(var|let|const)[ \t]{1,4}_0x[0-9a-f]{4,6}[ \t]{0,3}=[^<]{0,8000}(location|createElement|appendChild|eval)/ nocase
    condition:
        filesize < 2MB and any of them
}

rule other_servers_shell : high {
    strings:
        $a = /<%[^%]{0,200}\b(eval|execute|executeglobal)[ \t]{0,4}\(?[ \t]{0,4}(request|\(request)/ nocase
        $b = /Runtime\.getRuntime\(\)\.exec\([^;]{0,80}request\.getParameter/ nocase
        $c = /<%@[ \t]{1,4}page[ \t]{1,4}language[ \t]{0,3}=[ \t]{0,3}["']?jscript["']?[^%]{0,200}%>[^<]{0,200}<%[^%]{0,200}eval[ \t]{0,3}\([ \t]{0,3}request/ nocase
    condition:
        any of them
}
