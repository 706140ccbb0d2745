<?php
/*
Plugin Name: Hồ sơ trực tuyến (of the drill)
Version: 1.4.2
*/
