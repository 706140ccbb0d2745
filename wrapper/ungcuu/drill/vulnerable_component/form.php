<?php
// The form of the drill: nothing but its words.
echo 'Gửi hồ sơ trực tuyến';
