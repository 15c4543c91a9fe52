"""The modules of corelets import each other in one direction only."""

from __future__ import annotations

import grimp


def circles(graph):
    """Pairs (importer, imported) whose imported module leads back to the importer."""
    return [
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if graph.chain_exists(importer=imported, imported=module)
    ]


def test_a_circle_would_be_found():
    graph = grimp.ImportGraph()
    graph.add_import(importer="a", imported="b")
    graph.add_import(importer="b", imported="c")
    assert circles(graph) == []
    graph.add_import(importer="c", imported="a")
    assert len(circles(graph)) == 3


def test_no_module_of_corelets_imports_its_importers():
    """Imports inside functions and for type checkers count too."""
    graph = grimp.build_graph("corelets", cache_dir=None)
    assert "corelets.language.flatten" in graph.find_modules_directly_imported_by(
        "corelets.language.corelet"
    )
    assert circles(graph) == []


def test_the_language_knows_nothing_of_the_library():
    graph = grimp.build_graph("corelets", cache_dir=None)
    below = {"corelets.language", *graph.find_descendants("corelets.language")}
    above = {"corelets.library", "corelets.catalogue", *graph.find_descendants("corelets.library")}
    assert not [
        (one, two) for one in below for two in graph.find_modules_directly_imported_by(one) & above
    ]
