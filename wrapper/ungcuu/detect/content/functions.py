"""PHP's functions by what they do with what they are given, as data."""

from __future__ import annotations

import re


def names(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


RUN = names("system exec shell_exec passthru popen proc_open pcntl_exec")
EVALUATE = names("eval assert create_function")
# Where a callback stands among the arguments.
CALLBACKS = {
    **dict.fromkeys(names("call_user_func call_user_func_array array_map forward_static_call ob_start"), 0),
    **dict.fromkeys(names("register_shutdown_function register_tick_function header_register_callback"), 0),
    **dict.fromkeys(names("set_error_handler spl_autoload_register"), 0),
    **dict.fromkeys(names("array_filter array_walk array_walk_recursive usort uasort uksort array_reduce"), 1),
    **dict.fromkeys(names("preg_replace_callback mb_ereg_replace_callback iterator_apply"), 1),
    **dict.fromkeys(
        names("array_udiff array_uintersect array_diff_ukey array_intersect_ukey array_intersect_uassoc"), 2
    ),
}
DANGEROUS = (
    RUN
    | EVALUATE
    | names(
        "base64_decode gzinflate gzuncompress str_rot13 file_put_contents move_uploaded_file fwrite call_user_func "
        "array_map preg_replace fsockopen include require"
    )
)
# Where the bytes stand that are written.
WRITE = {"file_put_contents": 1, "fwrite": 1, "fputs": 1}
INPUT = names("_GET _POST _REQUEST _COOKIE _FILES HTTP_RAW_POST_DATA")
FROM_VISITOR = re.compile(r"HTTP_(?!HOST\b)|QUERY_STRING|REQUEST_URI|PHP_AUTH|PATH_INFO|\Z", re.IGNORECASE)
# What these give says nothing that a visitor chose freely.
HARMLESS = names(
    "intval floatval count isset empty md5 sha1 hash strlen is_numeric in_array array_key_exists crc32 "
    "password_hash is_array is_string strtotime strpos preg_match file_exists is_file is_dir time filesize "
    "escapeshellarg var_export json_encode basename function_exists method_exists class_exists is_callable "
    "move_uploaded_file get_class defined abs round boolval preg_quote get_option"
)
DECODERS = names(
    "base64_decode gzinflate gzuncompress gzdecode zlib_decode str_rot13 hex2bin strrev convert_uudecode pack "
    "openssl_decrypt mcrypt_decrypt urldecode rawurldecode unserialize"
)
# What these give is what they were given.
PASSED_ON = names("stripslashes trim array_pop end current reset array_shift urldecode str_replace")
PHP_NAME = re.compile(rb"\.(?:php\d?|phtml|phar|inc)\b", re.IGNORECASE)
PATTERN_E = re.compile(rb"\A\s*([^\w\s\\]).*?[^\w\s\\]([a-zA-Z]*)\Z", re.DOTALL)
