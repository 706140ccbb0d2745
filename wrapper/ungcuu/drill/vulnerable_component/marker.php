<?php
// Inert marker for a drill: it answers, and does nothing else.
echo 'UNGCUU-DRILL-MARKER ', php_sapi_name();
