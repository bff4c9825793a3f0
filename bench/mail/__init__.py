"""The mail that everybody sends in the measurements: one text, valid as Liquid and as Handlebars."""
