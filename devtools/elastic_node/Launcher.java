import java.nio.file.Path;
import java.util.Map;

import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one Elasticsearch node inside this process: Launcher HOME NAME=VALUE...
 *
 * The server's own start script needs its full distribution; a node itself needs only the published jars, a home folder
 * and settings. The node ends when standard input ends, so that it never outlives the process that started it, however
 * that one died, and on SIGTERM.
 */
public class Launcher {
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        Settings.Builder settings = Settings.builder().put("path.home", home);
        for (int position = 1; position < arguments.length; position++) {
            String[] pair = arguments[position].split("=", 2);
            settings.put(pair[0], pair[1]); // the server itself takes "a,b" for a list
        }
        Environment environment = new Environment(settings.build(), home.resolve("config"));
        LogConfigurator.setNodeName(environment.settings().get("node.name", "node"));
        LogConfigurator.configureESLogging();
        LogConfigurator.configure(environment, true);
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir()),
            PluginsLoader.loadPluginsBundles(environment.pluginsDir()),
            Map.of(),
            false
        );
        Node node = new Node(environment, plugins);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (java.io.IOException failed) {
                failed.printStackTrace();
            }
        }));
        try {
            node.start();
        } catch (Throwable failed) {
            failed.printStackTrace();
            System.exit(1); // the node's other threads would keep the process alive
        }
        while (System.in.read() >= 0) {
            // What comes in does not matter, only that it ends.
        }
        System.exit(0);
    }
}
