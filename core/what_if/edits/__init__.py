"""The edits of a film; a file here with a function under `@edit` adds one."""
