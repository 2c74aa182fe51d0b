# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes HTML of these pages: "make docs"."""

import os
import re

from docutils import nodes, statemachine
from docutils.parsers.rst import Directive

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)

project = 'Markpath'
copyright = 'the authors'
with open(os.path.join(TOP, 'configure.ac'), encoding='utf-8') as stream:
    release = re.search(r'AC_INIT\(\[?\w+\]?, *\[?([^],)]+)',
                        stream.read()).group(1)
version = release
master_doc = 'index'
# Parts that other pages include.
exclude_patterns = ['topics/performance-table*.rst']
highlight_language = 'none'
smartquotes = False
html_theme = 'alabaster'
html_theme_options = {'description': 'A userspace datapath for Open vSwitch, '
                                     'written around flow offload',
                      'page_width': '1080px', 'sidebar_width': '250px',
                      'fixed_sidebar': True}
html_sidebars = {'**': ['about.html', 'navigation.html', 'searchbox.html']}
html_copy_source = False
html_show_copyright = False


def read_whys(path):
    """The reasons in a .def file: lists of name, text, cause and cure, with
    a list of one string for the comment before a group."""
    with open(path, encoding='utf-8') as stream:
        text = stream.read()
    # Whatever is before the first reason is about the file.
    text = text[text.index('\nDP_'):]
    whys = []
    for comment, name, strings in re.findall(
            r'/\* (.*?) \*/|^DP_OFFLOAD_WHY\((\w+),((?:\s*,?\s*'
            r'"(?:[^"\\]|\\.)*")+)\)', text, re.M | re.S):
        if comment:
            whys.append([' '.join(comment.split())])
            continue
        # Adjacent strings are one.
        columns = [''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', column))
                   for column in re.split(r'(?<="),\s*\n', strings)]
        first, *rest = columns
        whys.append([name, *(c.replace('\\"', '"') for c in [first, *rest])])
    return whys


class OffloadWhy(Directive):
    """".. offload-why::" is a list of the reasons in dp-offload-why.def."""

    def run(self):
        path = os.path.join(TOP, 'lib', 'offload', 'dp-offload-why.def')
        self.state.document.settings.env.note_dependency(path)
        lines = []
        for why in read_whys(path):
            if len(why) == 1:
                lines += [why[0], '']
                continue
            name, text, cause, cure = [
                re.sub(r'"([^"]+)"', r'``\1``', column) for column in why]
            lines += ['``%s``: %s' % (name, text), '    | %s' % cause,
                      '    | *What to do:* %s' % cure, '']
        node = nodes.Element()
        self.state.nested_parse(statemachine.StringList(lines, path), 0, node)
        return node.children


def setup(app):
    """Called by Sphinx."""
    app.add_directive('offload-why', OffloadWhy)
