"""Texts that try to be more than text, wherever an extract is shown, written or read again."""

NUL = "NUL character"
HOSTILE_TEXTS = {
    "script markup": "<script>document.title='planted'</script>",
    "image markup": "<img src=x onerror=\"document.title='planted'\">",
    "Markdown link": "[click](javascript:alert(1)) **bold** `code` $x^2$ :red[planted]",
    "Markdown table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "spreadsheet formula": '=HYPERLINK("http://127.0.0.1/planted","planted")',
    "spreadsheet command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "template": "{{7*7}} ${7*7} {USUBJID} %s %n",
    "query": "'; DROP TABLE participant; --",
    "path": "../../../etc/passwd",
    "control characters": "bell \x07 escape \x1b[31m backspace \x08",
    "right to left": "\u202egnitalumis\u202c \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "zero width": "invi\u200bsible\u200d\ufeff",
    "astral and combining": "\U0001f9ec\u0301\u0301\u0301 \U0001d54f",
    "only blanks": " \t \u00a0 \u3000 ",
    "giant text": "planted " * 2_000,
    "line breaks": "one\r\ntwo\nthree\r",
    "quotes and separators": "a\"b'c;d,e\tf|g\\",
    NUL: "nul \x00 inside",  # ends a text in many formats and programs
}
