<?php
// UNGCUU-DRILL-MARKER, inert: a link of the drill at the foot of each page, to a name that there is nowhere.
add_action('wp_footer', function () {
    echo '<p><a href="https://casino.invalid/">UNGCUU-DRILL-MARKER</a></p>';
});
