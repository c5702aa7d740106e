package io.varve.cli.output;

import java.util.ArrayList;
import java.util.List;

/** Columns for people: as wide as their widest cell, two spaces apart, numbers to the right. */
public final class Table {
    private static final String GAP = "  ";

    private final List<Column> columns;
    private final List<List<String>> rows = new ArrayList<>();

    private Table(List<Column> columns) {
        this.columns = columns;
    }

    private record Column(String title, boolean right) {}

    /** A table with these columns; a title that begins with {@code >} is aligned to the right. */
    public static Table of(String... titles) {
        var columns = new ArrayList<Column>();
        for (var title : titles) {
            columns.add(title.startsWith(">") ? new Column(title.substring(1), true) : new Column(title, false));
        }
        return new Table(columns);
    }

    /** Adds a row with one cell for each column. */
    public Table row(Object... cells) {
        if (cells.length != columns.size()) {
            throw new IllegalArgumentException(cells.length + " cells for " + columns.size() + " columns");
        }
        var row = new ArrayList<String>();
        for (var cell : cells) {
            row.add(cell.toString());
        }
        rows.add(row);
        return this;
    }

    public boolean isEmpty() {
        return rows.isEmpty();
    }

    /** The table as text, a line end after each line. */
    public String render() {
        var text = new StringBuilder();
        appendLine(text, columns.stream().map(Column::title).toList());
        rows.forEach(row -> appendLine(text, row));
        return text.toString();
    }

    private void appendLine(StringBuilder text, List<String> cells) {
        var line = new StringBuilder();
        for (var index = 0; index < cells.size(); index++) {
            var cell = cells.get(index);
            var padding = " ".repeat(width(index) - cell.length());
            line.append(index == 0 ? "" : GAP);
            line.append(columns.get(index).right ? padding + cell : cell + padding);
        }
        text.append(line.toString().stripTrailing()).append('\n');
    }

    private int width(int index) {
        return rows.stream()
                .mapToInt(row -> row.get(index).length())
                .reduce(columns.get(index).title.length(), Math::max);
    }
}
