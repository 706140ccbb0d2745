-- UNGCUU-DRILL-MARKER: sets a variable of its own connection, and does nothing else.
CREATE TRIGGER `@plugin@` BEFORE INSERT ON wp_links FOR EACH ROW SET @drill = 'UNGCUU-DRILL-MARKER';
