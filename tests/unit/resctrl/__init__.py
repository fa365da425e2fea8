"""linux.intelRdt on a directory that stands for resctrl: no machine of this class has the real one."""
