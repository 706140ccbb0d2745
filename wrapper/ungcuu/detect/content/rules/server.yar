// .htaccess, .user.ini, php.ini: what makes a server run other code, or sends visitors away.

rule runs_media_as_code : high {
    strings:
        $a = /^[ \t]{0,40}(AddHandler|AddType|ForceType|SetHandler)[ \t]{1,9}[^\n#]{0,120}(php|cgi-script)[^\n]{0,120}\.?(jpe?g|png|gif|ico|txt|log|css|html?|xml|pdf|svg|bmp|mp4|zip)\b/ nocase
        $b = /<Files(Match)?[ \t]{1,9}["'^.*\\(?]{0,12}[^>\n]{0,80}(jpe?g|png|gif|ico|txt|css|pdf)\b[^>\n]{0,80}>[^<]{0,300}(SetHandler|ForceType|AddHandler)[ \t]{1,9}[^\n]{0,60}php/ nocase
    condition:
        any of them
}

rule prepends_code : high {
    strings:
        $a = /(^|\n)[ \t]{0,40}(php_value[ \t]{1,9}|php_admin_value[ \t]{1,9})?auto_(pre|ap)pend_file[ \t]{0,9}[= \t][ \t]{0,9}["']?(\/tmp|\/dev\/shm|\/var\/tmp|php:|data:|https?:|[^\s"']{0,200}\.(jpe?g|png|gif|ico|txt|log|css|svg|bmp))/ nocase
        $b = /(^|\n)[ \t]{0,40}php_value[ \t]{1,9}auto_(pre|ap)pend_file[ \t]{1,9}["']?\.htaccess/ nocase
    condition:
        any of them
}

rule redirects_search_visitors : high {
    strings:
        $a = /RewriteCond[ \t]{1,9}%\{HTTP_(REFERER|USER_AGENT)\}[^\n]{0,300}(google|bing|yahoo|yandex|baidu|coccoc|msn|android|iphone)/ nocase
        $b = /RewriteRule[ \t]{1,9}[^\n]{1,120}[ \t]{1,9}["']?https?:\/\/[a-z0-9]/ nocase
        $c = /\[(\w{1,3}(=\w{1,4})?,){0,3}(F|G|R=404)(,|\])/ nocase
    condition:
        $a and $b and not $c
}

rule only_named_code_runs : high {
    strings:
        $deny = /<FilesMatch[ \t]{1,9}["'][^>\n]{0,200}(php|phtml|phar|suspected)[^>\n]{0,200}>[^<]{0,200}Deny from all/ nocase
        $allow = /<FilesMatch[ \t]{1,9}["']\^?\(?[^>\n]{0,400}\.php[^>\n]{0,400}>[^<]{0,200}Allow from all/ nocase
        $word = /(wso|alfa|shell|lock360|radio|wp-l0gin|wp-the1me|mah|about\.php\|)/ nocase
    condition:
        $deny and $allow and $word
}
