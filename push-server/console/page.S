/* The console's page as build.sh made it, between two symbols. */
	.section .rodata
	.global console_page
	.global console_page_end
console_page:
	.incbin "console.html"
console_page_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
