        st #1
