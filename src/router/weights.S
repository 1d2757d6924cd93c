// The weights, in the program's read-only data: pages of the file that are mapped, shared and given up as those of code.
// Assembler, since a compiler takes seconds and a compilation cache does not see that they changed.
    .section .rodata.sarai_trm, "a", %progbits
    .global sarai_trm_router, sarai_trm_router_end, sarai_trm_mini, sarai_trm_mini_end
    .balign 64
sarai_trm_router:
    .incbin SARAI_TRM_ROUTER
sarai_trm_router_end:
    .byte 0
    .balign 64
sarai_trm_mini:
    .incbin SARAI_TRM_MINI
sarai_trm_mini_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
