-- UNGCUU-DRILL-MARKER: inert. Two questions whose links lead to a machine that does not exist.
INSERT INTO wp_comments (comment_post_ID, comment_author, comment_author_email, comment_author_url, comment_date, comment_date_gmt, comment_content, comment_approved, comment_agent, comment_type)
VALUES (5, 'UNGCUU-DRILL-MARKER', 'a@mail.invalid', 'http://@machine@.invalid/', NOW(), UTC_TIMESTAMP(), '<a href="http://@machine@.invalid/1">@machine@</a>', '1', '', 'comment'),
       (5, 'UNGCUU-DRILL-MARKER', 'b@mail.invalid', 'http://@machine@.invalid/', NOW(), UTC_TIMESTAMP(), '<a href="http://@machine@.invalid/2">@machine@</a>', '1', '', 'comment');
UPDATE wp_posts SET comment_count = comment_count + 2 WHERE ID = 5;
