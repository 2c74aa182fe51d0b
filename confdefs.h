/* confdefs.h */
#define PACKAGE_NAME "markpath"
#define PACKAGE_TARNAME "markpath"
#define PACKAGE_VERSION "0.1.0"
#define PACKAGE_STRING "markpath 0.1.0"
#define PACKAGE_BUGREPORT ""
#define PACKAGE_URL ""
#define PACKAGE "markpath"
#define VERSION "0.1.0"
