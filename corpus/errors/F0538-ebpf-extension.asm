        ; may_goto
        .insn 0xe5, 0, 0, 0, 0
        exit
