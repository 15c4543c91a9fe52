"""No file of the house imports itself by way of others, annotations and late imports included."""

from __future__ import annotations

import grimp


def test_no_circle_of_imports() -> None:
    graph = grimp.build_graph("tnemu", "corelets", cache_dir=None)
    # tnemu itself hands names on, from rooms that ask it for the version.
    modules = graph.modules - {"tnemu"}
    assert len(modules) > 200
    names = {module: graph.find_modules_directly_imported_by(module) for module in modules}
    # What imports nothing that is left is in no circle.
    while free := [module for module, below in names.items() if not below & names.keys()]:
        for module in free:
            del names[module]
    # Nor is what nothing that is left imports.
    while top := names.keys() - set().union(*names.values()):
        for module in top:
            del names[module]
    assert sorted(names) == []
