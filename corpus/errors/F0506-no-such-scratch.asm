        st M[16]
        ret allow
