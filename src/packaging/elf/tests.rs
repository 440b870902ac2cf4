//! ELF files as the compiler of this machine writes them, read and cleaned.
