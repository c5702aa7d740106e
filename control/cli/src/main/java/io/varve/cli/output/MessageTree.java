package io.varve.cli.output;

import com.google.gson.GsonBuilder;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.Yaml;

/**
 * An API message as maps and lists, for scripts. Unlike protobuf's own JSON, 64-bit numbers stay numbers and fields that
 * hold their default are shown, so that a script need not know which fields a message can have.
 */
public final class MessageTree {
    private MessageTree() {}

    public static String json(Message message) {
        return new GsonBuilder()
                        .setPrettyPrinting()
                        .disableHtmlEscaping()
                        .create()
                        .toJson(tree(message)) + "\n";
    }

    /** The same as one line, for scripts that read as it comes. */
    public static String jsonLine(Message message) {
        return new GsonBuilder().disableHtmlEscaping().create().toJson(tree(message)) + "\n";
    }

    public static String yaml(Message message) {
        var options = new DumperOptions();
        options.setDefaultFlowStyle(DumperOptions.FlowStyle.BLOCK);
        options.setIndicatorIndent(2);
        options.setIndentWithIndicator(true);
        return new Yaml(options).dump(tree(message));
    }

    private static Map<String, Object> tree(Message message) {
        var tree = new LinkedHashMap<String, Object>();
        for (var field : message.getDescriptorForType().getFields()) {
            if (field.isRepeated() || !field.hasPresence() || message.hasField(field)) {
                tree.put(field.getJsonName(), value(field, message.getField(field)));
            }
        }
        return tree;
    }

    private static Object value(FieldDescriptor field, Object value) {
        if (field.isRepeated()) {
            return ((List<?>) value).stream().map(item -> single(field, item)).toList();
        }
        return single(field, value);
    }

    private static Object single(FieldDescriptor field, Object value) {
        if (value instanceof Message message) {
            return tree(message);
        }
        if (value instanceof EnumValueDescriptor constant) {
            return constant.getName();
        }
        if (value instanceof Integer number && field.getType() == FieldDescriptor.Type.UINT32) {
            return Integer.toUnsignedLong(number);
        }
        return value;
    }
}
