// The demo's model, in the program's read-only data, so that program and package need no file beside them.
    .section .rodata.sarai_demo, "a", %progbits
    .global sarai_demo_model, sarai_demo_model_end
    .balign 64
sarai_demo_model:
    .incbin SARAI_DEMO_MODEL
sarai_demo_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
